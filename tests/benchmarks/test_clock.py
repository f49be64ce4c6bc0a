"""Clock in `step`: one tick per step of all members, in single and vector environments."""

import pytest
from gymnasium.envs.classic_control.pendulum import PendulumEnv

from benchmarks.timing.clock import Finished, StepClock
from benchmarks.workload import ENVIRONMENT, Workload
from ddpg.environments.vector import Environments


@pytest.mark.parametrize("members", [1, 3])
def test_a_step_of_all_members_is_one_tick(monkeypatch, members):
    environments = Environments(ENVIRONMENT, members, {})
    for stepped in {PendulumEnv, type(environments.vector)}:
        # Restores the methods that the clock wraps.
        monkeypatch.setattr(stepped, "step", stepped.step)
    clock = StepClock(Workload(members=members, random_steps=4, warm_seconds=0.0, seconds=0.0))
    clock.watch()
    environments.reset(list(range(members)))
    for _ in range(7):
        environments.step(environments.scale.low * 0 + [[0.5]] * members)
    assert clock.steps == 7
    assert {name: stamp.step for name, stamp in clock.stamps.items()} == {
        "first step": 1,
        "first update": 5,
        "warm": 7,
    }


def test_the_run_ends_after_the_timed_phase():
    clock = StepClock(Workload(random_steps=1, warm_seconds=0.0, seconds=0.0))
    for _ in range(23):
        clock.tick()
    with pytest.raises(Finished):
        clock.tick()
    assert {name: stamp.step for name, stamp in clock.stamps.items()} == {
        "first step": 1,
        "first update": 2,
        "warm": 4,
        "start": 14,
        "end": 24,
    }
