"""The vector Pendulum is bit-identical to Gymnasium's own environments."""

import dataclasses
import json
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from ddpg.environments.pendulum import PendulumVectorEnv
from ddpg.environments.vector import Environments
from ddpg.errors import ConfigError


def pair(members: int, mode: AutoresetMode, **options: Any) -> tuple[PendulumVectorEnv, Any]:
    """Return our vector environment and Gymnasium's."""
    theirs = gymnasium.make_vec(
        "Pendulum-v1",
        members,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        **options,
    )
    return PendulumVectorEnv(members, autoreset_mode=mode, **options), theirs


def assert_same(ours: Any, theirs: Any) -> None:
    """Assert equal dtypes, shapes and bits of arrays in dicts and tuples."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert_same(ours[key], value)
    elif isinstance(theirs, tuple):
        for left, right in zip(ours, theirs, strict=True):
            assert_same(left, right)
    elif theirs.dtype == object:
        for left, right in zip(ours, theirs, strict=True):
            assert (left is None) == (right is None)
            if right is not None:
                assert_same(left, right)
    else:
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize(
    ("members", "steps", "options"),
    [(3, 2_000, {}), (1, 500, {"g": 9.81}), (2, 500, {"g": 3, "max_episode_steps": 7})],
)
def test_every_step_equals_gymnasiums(mode, members, steps, options):
    ours, theirs = pair(members, mode, **options)
    actions = np.random.default_rng(members)
    for seed in (0, [5 + 3 * member for member in range(members)]):
        assert_same(ours.reset(seed=seed), theirs.reset(seed=seed))
        for _ in range(steps):
            # Also beyond the bounds, where the environment clips.
            action = actions.uniform(-2.5, 2.5, (members, 1)).astype(np.float32)
            assert_same(ours.step(action), theirs.step(action))


@pytest.mark.parametrize("options", [{"x_init": 0.1}, {"x_init": 0.2, "y_init": 0.3}])
def test_the_options_of_a_reset_work_as_gymnasiums(options):
    ours, theirs = pair(2, AutoresetMode.SAME_STEP)
    assert_same(ours.reset(seed=4), theirs.reset(seed=4))
    # Without a seed the generators continue; a seed restarts them.
    for seed in (None, [1, None]):
        assert_same(
            ours.reset(seed=seed, options=options), theirs.reset(seed=seed, options=options)
        )


def test_a_state_through_json_restores_every_later_step():
    ours, other = (PendulumVectorEnv(2, autoreset_mode=AutoresetMode.SAME_STEP) for _ in range(2))
    ours.reset(seed=3)
    action = np.full((2, 1), 0.5, np.float32)
    for _ in range(150):
        ours.step(action)
    other.load_state_dict(json.loads(json.dumps(ours.state_dict())))
    # Beyond the end of the episode, so that the generators matter.
    steps = [(ours.step(action), other.step(action)) for _ in range(100)]
    for left, right in steps:
        assert_same(left, right)
    assert any(left[3].any() for left, _ in steps)


def test_our_environments_use_it_and_gymnasiums_spec_is_unchanged():
    before = dataclasses.replace(gymnasium.spec("Pendulum-v1"))
    made = Environments("Pendulum-v1", 2, {"g": 9.81, "max_episode_steps": 5}).vector
    assert isinstance(made, PendulumVectorEnv)
    assert made.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert (made.num_envs, made.max_episode_steps) == (2, 5)
    assert made.gravity_pull == pytest.approx(1.5 * 9.81)
    assert gymnasium.spec("Pendulum-v1") == before
    assert before.vector_entry_point is None
    # Both fail with a vector version in the registry.
    gymnasium.make_vec("Pendulum-v1", 2, render_mode="rgb_array").close()
    gymnasium.make_vec("Pendulum-v1", 2, wrappers=[gymnasium.wrappers.TimeAwareObservation]).close()


def test_another_vector_version_in_the_registry_is_used(monkeypatch):
    spec = gymnasium.spec("Pendulum-v1")
    monkeypatch.setattr(spec, "vector_entry_point", "elsewhere:Pendulum")
    with pytest.raises(ConfigError, match="No module named 'elsewhere'"):
        Environments("Pendulum-v1", 2, {})


def test_an_unsupported_mode_is_refused():
    with pytest.raises(ValueError, match="DISABLED is not allowed; allowed: NEXT_STEP, SAME"):
        PendulumVectorEnv(1, autoreset_mode=AutoresetMode.DISABLED)
