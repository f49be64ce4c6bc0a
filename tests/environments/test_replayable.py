"""Hidden state of an environment: resumed exactly, or said so, and never silently different."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import NormalizeObservation, NormalizeReward, TimeLimit

import ddpg
from ddpg.config.settings import Config
from ddpg.environments import replayable
from ddpg.environments.checked import CheckedEnvironment
from ddpg.environments.replayable import ReplayableEnvironment, complete_record
from ddpg.environments.statistics import load_statistics, read_statistics
from ddpg.environments.vector import Environments
from ddpg.errors import EnvironmentFaultError
from ddpg.evaluation.episodes import TRAINING_FIRST_SEED
from tests.environments.results import Plain
from tests.faults.processes import differences

Make = Callable[[], gymnasium.Env[Any, Any]]


def normalized() -> gymnasium.Env[Any, Any]:
    """Return Pendulum with both normalizing wrappers, in episodes of 30 steps."""
    pendulum = gymnasium.make("Pendulum-v1").unwrapped
    return NormalizeReward(NormalizeObservation(TimeLimit(pendulum, 30)), gamma=0.9)


def counted() -> Plain:
    """Return an environment that observes its step, and whose reward is 1 / (1 + episode)."""
    return Plain(
        observe=lambda env: np.array([0, env.t], np.float32),
        reward=lambda env: 1 / (1 + env.episode),
    )


def after_steps(make: Make, steps: int, timeout: float = 0.0) -> tuple[Environments, Environments]:
    """Return environments after `steps` steps, and new ones that have loaded their state."""
    original, restored = (Environments(make, 2, {}, timeout) for _ in range(2))
    generator = np.random.default_rng(0)
    original.reset([3, 4])
    for _ in range(steps):
        original.step(generator.uniform(-1, 1, (2, 1)))
    return original, restored


@pytest.mark.parametrize("timeout", [0.0, 60.0])
def test_statistics_of_normalizing_wrappers_continue_bit_identical(timeout: float) -> None:
    original, restored = after_steps(normalized, 70, timeout)
    assert restored.load_state_dict(original.state_dict(), [0, 1]) == []
    generator = np.random.default_rng(1)
    for _ in range(70):
        action = generator.uniform(-1, 1, (2, 1))
        for one, other in zip(original.step(action), restored.step(action), strict=True):
            assert np.array_equal(one, other)
    assert restored.statistics() == original.statistics()
    original.close()
    restored.close()


@pytest.mark.parametrize("steps", [5, 7])
def test_another_reward_in_the_replayed_episode_begins_a_new_one(steps: int) -> None:
    """Random state and observations of the counting environment are equal."""
    original, restored = after_steps(counted, steps)
    assert restored.load_state_dict(original.state_dict(), [0, 1]) == [0, 1]
    assert restored.observation.tolist() == [[0.0, 0.0]] * 2


def test_a_new_episode_keeps_the_statistics() -> None:
    original, restored = after_steps(normalized, 40)
    state = original.state_dict()
    state["episodes"][0]["rewards"] += 1
    assert restored.load_state_dict(state, [0, 1]) == [0]
    counts = [_counts(each) for each in (original.statistics()[0], restored.statistics()[0])]
    # The reset of the new episode is one more observation.
    assert counts[1] == [counts[0][0], counts[0][1] + 1]


NEW_FIELDS = ("rewards", "statistics", "statistics_now")
"""Fields of a record that older checkpoints do not have."""


def old_record(environments: Environments) -> dict[str, Any]:
    """Return the state of `environments`, as an older checkpoint holds it."""
    state = environments.state_dict()
    for record in state["episodes"]:
        for name in NEW_FIELDS:
            del record[name]
    return state


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_the_record_of_an_older_checkpoint_is_restored(steps: int) -> None:
    original, restored = after_steps(
        lambda: TimeLimit(gymnasium.make("Pendulum-v1").unwrapped, 30), steps
    )
    assert restored.load_state_dict(old_record(original), [0, 1]) == []
    action = np.full((2, 1), 0.5)
    for one, other in zip(original.step(action), restored.step(action), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", ["observation", "actions", "random_state_now"])
def test_an_older_record_that_differs_begins_a_new_episode(name: str) -> None:
    """Without rewards, observation and random state still show another state."""
    original, restored = after_steps(lambda: gymnasium.make("Pendulum-v1").unwrapped, 5)
    state = old_record(original)
    record = state["episodes"][1]
    record[name] = "" if isinstance(record[name], str) else record[name] * 0
    assert restored.load_state_dict(state, [0, 1]) == [1]


@pytest.mark.parametrize("name", NEW_FIELDS)
def test_only_fields_that_a_record_lacks_are_completed(name: str) -> None:
    original, _ = after_steps(normalized, 5)
    (record, _) = original.state_dict()["episodes"]
    assert complete_record(record) == record
    partial = {key: value for key, value in record.items() if key != name}
    completed = complete_record(partial)
    assert completed.keys() == record.keys()
    assert all(completed[key] is value for key, value in partial.items())
    if name == "rewards":
        assert completed[name].shape == (5,)
        assert completed[name].isnan().all()
    else:
        assert completed[name] == "[]"


@pytest.mark.parametrize("record", [None, 3, [], "text", {}, {"actions": [1.0]}])
def test_what_is_not_a_record_is_left_for_the_check_of_the_state(record: Any) -> None:
    assert complete_record(record) is record


def _counts(text: str) -> list[float]:
    return [each["count"] for each in json.loads(text)]


def test_a_long_episode_is_not_recorded_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replayable, "LONGEST_RECORD", 300)
    environment = ReplayableEnvironment(Plain(flag=lambda *_: False))
    environment.reset(seed=0)
    sizes = []
    for _ in range(600):
        environment.step(np.zeros(1, np.float32))
        sizes.append(len(environment.record()["actions"]))
    assert sizes == [*range(1, 301), *[0] * 300]
    assert len(environment._actions) == 512
    environment.to_restore = {**environment.record(), "fresh_seed": 5}
    observation, is_restored = environment.restore()
    assert not is_restored
    assert observation.tolist() == [1.0, 0.0]
    assert len(environment.record()["actions"]) == 0
    environment.step(np.zeros(1, np.float32))
    assert len(environment.record()["actions"]) == 1


def test_statistics_of_other_wrappers_are_refused() -> None:
    environment = normalized()
    environment.reset(seed=0)
    with pytest.raises(ValueError, match="zip"):
        load_statistics(Plain(), read_statistics(environment))
    assert read_statistics(Plain()) == "[]"


@pytest.mark.filterwarnings("ignore:the wrapper Normalize:ddpg.errors.RunWarning")
@pytest.mark.parametrize(
    "text", ["[", "[]", "{}", "[{}, {}]", '[{"mean": [1e400], "dtype": "float64"}, 3]', "null"]
)
def test_invalid_statistics_are_one_sentence(text: str) -> None:
    environment = CheckedEnvironment(normalized())
    environment.reset(seed=0)
    with pytest.raises(EnvironmentFaultError, match="cannot load its stored statistics: ") as error:
        environment.freeze_statistics(text)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.filterwarnings("ignore:the wrapper Normalize:ddpg.errors.RunWarning")
def test_evaluations_use_the_statistics_of_training(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        **{"env": normalized, "runs": str(tmp_path), "hidden": (8,), "batch_size": 8, "members": 2},
        **{"random_steps": 50, "steps": 120, "evaluation_every": 60, "evaluation_episodes": 3},
        **{"replay_capacity": 200, "log_every": 20, "separation_every": 0, "tensorboard": False},
    }
    result = ddpg.train(Config(**settings, name="whole"))
    assert result.returns is not None
    scores = [ddpg.evaluate(result.folder, 3, TRAINING_FIRST_SEED, normalized) for _ in range(2)]
    assert scores[0] == scores[1]
    assert [member.mean for member in scores[0].members] == result.returns.tolist()

    ddpg.train(Config(**{**settings, "steps": 70}, name="parts"))
    ddpg.train(Config(**settings, name="parts", resume=True))
    assert differences(tmp_path / "whole", tmp_path / "parts") == []

    policy = ddpg.load_policy(result.folder, 1, normalized)
    environment = normalized()
    load_statistics(environment, policy.statistics, frozen=True)
    total, observation = 0.0, environment.reset(seed=TRAINING_FIRST_SEED)[0]
    for _ in range(30):
        observation, reward, *_ = environment.step(policy(observation))
        total += float(reward)
    assert total == pytest.approx(scores[0].members[1].returns[0], abs=1e-4)
