"""Unusual environments: replay holds their transitions, and values become right."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray

from ddpg import TrainingResult, evaluate, train
from ddpg.config.settings import Config
from ddpg.environments.creation import make_environment
from ddpg.environments.vector import Environments
from ddpg.errors import ConfigError
from ddpg.replay import Batch
from ddpg.training.loop import Trainer
from tests.environments.odd import LONG_EPISODE, REFUSED, SHAPES, identifier

SMALL = {"hidden": (8,), "random_steps": 6, "log_every": 10, "evaluation_episodes": 1}
STEPS = 20


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize("name", [*SHAPES, "Long"])
def test_gymnasiums_checker_passes(name):
    # It warns about unusual environments and raises for invalid ones.
    check_env(gymnasium.make(identifier(name)).unwrapped, skip_render_check=True)


def train_on(tmp_path: Path, name: str, **settings) -> Trainer:
    options = {**SMALL, "steps": STEPS, "evaluation_every": STEPS, "members": 2, **settings}
    options.setdefault("replay_capacity", 100)
    config = Config(env=identifier(name), runs=str(tmp_path), **options)
    trainer = Trainer(config, lambda _: None)
    trainer.run()
    trainer.close()
    return trainer


def observation_at(name: str, step: int) -> NDArray[np.float32]:
    """Return the observation at `step`, flat and rounded to float32."""
    space = gymnasium.make(identifier(name)).observation_space
    assert isinstance(space, Box)
    value = np.clip(np.full(space.shape, step), space.low, space.high)
    return value.astype(space.dtype).astype(np.float32).ravel()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", SHAPES)
def test_replay_holds_the_transitions_of_the_environment(tmp_path, name):
    trainer = train_on(tmp_path, name)
    shape = {"length": 4, "reward": 1.0, **SHAPES[name]}
    length = shape["length"]
    rows = trainer.replay.rows[:, :STEPS]
    batch = Batch(*rows.split(trainer.replay.widths, dim=-1))
    observed = np.stack([observation_at(name, t % length) for t in range(STEPS)])
    followed = np.stack([observation_at(name, t % length + 1) for t in range(STEPS)])
    ends = np.array([float(t % length == length - 1) for t in range(STEPS)])
    for member in range(2):
        assert np.array_equal(batch.observation[member], observed)
        assert np.array_equal(batch.next_observation[member], followed)
        assert np.array_equal(batch.terminated[member, :, 0], ends)
        assert np.array_equal(batch.reward[member, :, 0], np.full(STEPS, shape["reward"], "f4"))
    assert batch.action.abs().max() <= 1
    for module in trainer.agent.modules.values():
        assert all(bool(value.isfinite().all()) for value in module.state_dict().values())
    assert trainer.state.returns is not None
    assert trainer.state.returns == pytest.approx(shape["reward"] * length)
    # The evaluation of a finished run creates the environment again.
    assert evaluate(trainer.folder.path, episodes=2).mean == pytest.approx(shape["reward"] * length)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_an_environment_that_cannot_be_trained_on_is_refused(name):
    for create in (
        lambda: Environments(identifier(name), 1, {}),
        lambda: make_environment(identifier(name), {}),
    ):
        with pytest.raises(ConfigError, match="allowed: "):
            create()


def test_only_the_time_limit_ends_an_episode_of_ten_thousand_steps(tmp_path):
    trainer = train_on(
        tmp_path,
        "Long",
        members=1,
        steps=LONG_EPISODE + 5,
        random_steps=LONG_EPISODE + 5,
        evaluation_every=0,
        replay_capacity=LONG_EPISODE + 5,
    )
    batch = Batch(*trainer.replay.rows[0].split(trainer.replay.widths, dim=-1))
    assert batch.terminated.max() == 0
    last = LONG_EPISODE - 1
    assert batch.next_observation[last, 0] == LONG_EPISODE
    assert batch.observation[LONG_EPISODE, 0] == 0
    assert trainer.state.episode_length.tolist() == [5]
    metrics = (trainer.folder.path / "metrics.csv").read_text().splitlines()
    columns = metrics[0].split(",")
    (row,) = [dict(zip(columns, line.split(","), strict=True)) for line in metrics[1:]]
    assert (row["step"], row["episode/length"]) == (str(LONG_EPISODE), f"{LONG_EPISODE}.0")
    # Cut by the time limit, the last step bootstraps.
    agent = trainer.agent
    cut = Batch(*(field[None, last : last + 1] for field in batch))
    target = agent.critic_loss(cut)[2].item()
    bootstrap = agent.bootstrap(cut.next_observation).item()
    assert bootstrap != 0
    assert target == pytest.approx(1 + agent.config.gamma * bootstrap)


def q_of(result: TrainingResult, observation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Q(s, 0) per member."""
    agent = result.agent
    members = agent.config.members
    state = torch.from_numpy(np.tile(observation, (members, 1, 1)))
    with torch.no_grad():
        return agent.critic(state, torch.zeros(members, 1, 2)).numpy().ravel()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["OneStep", "TerminatedAndTruncated"])
def test_values_converge_to_the_known_returns(tmp_path, name):
    result = train(
        Config(
            env=identifier(name),
            runs=str(tmp_path),
            steps=2_000,
            hidden=(32, 32),
            gamma=0.5,
            tau=0.05,
            evaluation_every=0,
            random_steps=100,
            members=2,
        )
    )
    # A reward of 1 per step: 1, or 1 + 0.5 + 0.25 + 0.125.
    length = SHAPES[name].get("length", 4)
    for step in range(length):
        expected = sum(0.5**k for k in range(length - step))
        assert q_of(result, observation_at(name, step)) == pytest.approx(expected, abs=0.05), step


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reward"), [("RewardsTimesMillion", 1e6), ("RewardsByMillion", 1e-6)]
)
def test_values_of_any_scale_stay_finite_and_below_the_return(tmp_path, name, reward):
    result = train(
        Config(env=identifier(name), runs=str(tmp_path), steps=2_000, hidden=(16,), gamma=0.9)
    )
    values = np.concatenate([q_of(result, observation_at(name, step)) for step in range(4)])
    assert np.isfinite(values).all()
    # The return is four rewards. Networks start near 0, so small values may not be learned yet.
    assert np.abs(values).max() < max(4 * reward, 1)
    assert result.returns == pytest.approx(4 * reward)
