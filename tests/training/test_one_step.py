"""One step of the loop: transitions, noise, evaluation and random streams."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.evaluation.episodes import TRAINING_FIRST_SEED, Evaluator
from ddpg.noise import GaussianNoise, OrnsteinUhlenbeckNoise
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch
from ddpg.runs.checkpoint import Checkpoints
from ddpg.training.loop import Trainer

SMALL = {"hidden": (8,), "random_steps": 4, "log_every": 10, "evaluation_every": 0, "steps": 14}


def make_trainer(tmp_path: Path, **settings) -> Trainer:
    return Trainer(Config(**{"runs": str(tmp_path), **SMALL, **settings}), lambda _: None)


def run(trainer: Trainer) -> Trainer:
    trainer.run()
    trainer.close()
    return trainer


def stored(trainer: Trainer) -> Batch:
    """Return the transitions in the replay buffer, in the order of the steps."""
    rows = trainer.replay.rows[:, : len(trainer.replay)]
    return Batch(*rows.split(trainer.replay.widths, dim=-1))


class FullRight:
    """Noise that pushes every action above its upper bound, and records its calls."""

    def __init__(self):
        self.sigmas: list[float] = []
        self.resets: list[list[bool]] = []

    def sample(self, sigma: float) -> NDArray[np.float64]:
        self.sigmas.append(sigma)
        return np.full((2, 1), 5.0)

    def reset(self, members: NDArray[np.bool_]) -> None:
        self.resets.append(members.tolist())

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("name", "terminates"), [("Terminates", True), ("Truncates", False), ("Both", True)]
)
def test_the_replay_holds_each_transition(tmp_path, name, terminates):
    batch = stored(run(make_trainer(tmp_path, env=f"ddpg-tests/{name}-v0", members=2)))
    steps = [(episode, step) for episode in range(4) for step in range(4)][:14]
    for member in range(2):
        assert batch.observation[member].tolist() == [[e, t] for e, t in steps]
        assert batch.next_observation[member].tolist() == [[e, t + 1] for e, t in steps]
        ended = [float(terminates and t == 3) for _, t in steps]
        assert batch.terminated[member].flatten().tolist() == ended
        # The reward of these environments is the action.
        assert torch.equal(batch.reward[member], batch.action[member])


def test_noise_follows_its_schedule_is_clipped_and_restarts_with_each_episode(tmp_path):
    trainer = make_trainer(
        tmp_path,
        env="ddpg-tests/Truncates-v0",
        members=2,
        noise_sigma=1.0,
        noise_sigma_final=0.0,
        noise_steps=10,
    )
    noise = trainer.state.noise = FullRight()
    action = stored(run(trainer)).action
    # The first four actions are random and get no noise.
    assert noise.sigmas == pytest.approx([0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0])
    assert action[:, :4].abs().max() < 1
    assert action[:, :4].unique().numel() == 8
    assert action[:, 4:].unique().tolist() == [1.0]
    assert noise.resets == [[True, True]] * 3


def test_the_setting_noise_chooses_the_noise(tmp_path):
    settings = {"noise": "ornstein_uhlenbeck", "noise_theta": 0.3}
    noise = run(make_trainer(tmp_path, **settings)).state.noise
    assert isinstance(noise, OrnsteinUhlenbeckNoise)
    assert noise.theta == 0.3
    assert isinstance(run(make_trainer(tmp_path)).state.noise, GaussianNoise)


def test_return_and_length_are_those_of_the_episode(tmp_path):
    trainer = make_trainer(tmp_path, env="ddpg-tests/Terminates-v0", members=2)
    trainer.state.noise = FullRight()
    run(trainer)
    with (trainer.folder.path / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["return/training"]]
    assert [int(row["step"]) for row in rows] == [4, 4, 8, 8, 12, 12]
    assert [float(row["return/training"]) for row in rows[2:]] == [4.0] * 4
    assert [float(row["episode/length"]) for row in rows] == [4.0] * 6


def test_an_evaluation_in_training_runs_the_deterministic_policy(tmp_path):
    trainer = make_trainer(tmp_path, env="ddpg-tests/Truncates-v0", members=2, evaluation_every=14)
    trainer.state.noise = FullRight()
    run(trainer)
    evaluator = Evaluator("ddpg-tests/Truncates-v0", {}, 5, TRAINING_FIRST_SEED)
    expected = evaluator.run(
        lambda observation: trainer.agent.act(torch.from_numpy(observation)).numpy(), 2
    ).returns
    assert trainer.state.returns is not None
    assert np.array_equal(trainer.state.returns, expected.mean(axis=1))
    assert np.abs(trainer.state.returns).max() < 4


def test_an_evaluation_writes_the_value_of_its_first_states(tmp_path):
    trainer = make_trainer(
        tmp_path, env="ddpg-tests/Truncates-v0", members=2, evaluation_every=14, gamma=0.5
    )
    run(trainer)
    with (trainer.folder.path / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["return/evaluation"]]
    assert [int(row["member"]) for row in rows] == [0, 1]
    agent = trainer.agent
    first = torch.zeros(2, 5, 2)
    expected = agent.critic(first, agent.actor(first)).mean(dim=(1, 2))
    assert [float(row["value/q_start"]) for row in rows] == pytest.approx(expected.tolist())
    assert float(rows[0]["value/q_start"]) != float(rows[1]["value/q_start"])
    episodes = Evaluator("ddpg-tests/Truncates-v0", {}, 5, TRAINING_FIRST_SEED).run(
        lambda observation: agent.act(torch.from_numpy(observation)).numpy(), 2, gamma=0.5
    )
    assert [float(row["return/discounted"]) for row in rows] == pytest.approx(
        episodes.discounted.mean(axis=1).tolist()
    )


def test_a_resumed_run_continues_its_random_streams_with_other_episodes(tmp_path):
    run(make_trainer(tmp_path, name="mine"))
    resumed = make_trainer(tmp_path, name="mine", resume=True, steps=20)
    saved = Checkpoints(resumed.folder.checkpoints).load_state()["streams"]
    assert resumed.state.streams.state_dict() == saved
    assert saved != RandomStreams.from_seeds([0]).state_dict()
    observation = stored(run(resumed)).observation
    assert observation.shape == (1, 20, 3)
    assert not torch.equal(observation[0, 14], observation[0, 0])
    assert not torch.equal(observation[0, 14], observation[0, 13])
