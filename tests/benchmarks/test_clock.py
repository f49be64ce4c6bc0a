"""Time stamps are taken once a step, whatever steps."""

import pytest
from gymnasium.envs.classic_control.pendulum import PendulumEnv

from benchmarks.clock import Finished, StepClock
from benchmarks.work import ENVIRONMENT, Work
from ddpg.environments.vector import Environments


@pytest.mark.parametrize("members", [1, 3])
def test_a_step_of_all_members_is_one_tick(monkeypatch, members):
    environments = Environments(ENVIRONMENT, members, {})
    for stepped in {PendulumEnv, type(environments.vector)}:
        # What the clock wraps is put back.
        monkeypatch.setattr(stepped, "step", stepped.step)
    clock = StepClock(Work(members=members, random_steps=4, warm_seconds=0.0, seconds=0.0))
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


def test_it_ends_when_enough_was_timed():
    clock = StepClock(Work(random_steps=1, warm_seconds=0.0, seconds=0.0))
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
