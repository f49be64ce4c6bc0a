"""Runs that start from another run's networks, or with transitions in the replay buffer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpg import CheckpointError, Config, ConfigError, train
from ddpg.runs.checkpoint import Checkpoints
from ddpg.training.loop import Trainer
from tests.parts import same_bits, snapshot

SMALL: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 5, "members": 2, "steps": 20},
    **{"evaluation_every": 10, "evaluation_episodes": 1, "tensorboard": False},
}


def config(runs: Path, name: str, **settings: Any) -> Config:
    return Config(**{**SMALL, "runs": str(runs), "name": name, **settings})


def transitions(count: int, **changes: Any) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    ends = np.arange(count) % 7 == 6
    columns = {
        "observation": generator.normal(size=(count, 3)),
        "action": generator.uniform(-2, 2, (count, 1)),
        "reward": generator.normal(size=count),
        "next_observation": generator.normal(size=(count, 3)),
        "terminated": ends & (np.arange(count) % 2 == 0),
        "truncated": ends & (np.arange(count) % 2 == 1),
        **changes,
    }
    return {name: value for name, value in columns.items() if value is not None}


def write(folder: Path, columns: dict[str, Any]) -> str:
    file = folder / "transitions.npz"
    np.savez(file, **columns)
    return str(file)


def start(runs: Path, name: str, **settings: Any) -> Trainer:
    """Return a trainer before its first step."""
    trainer = Trainer(config(runs, name, **settings), lambda _: None)
    trainer.close()
    return trainer


def test_a_run_starts_with_the_networks_of_another_and_resumes_without_it(tmp_path: Path):
    other = train(config(tmp_path, "other"))
    begun = start(tmp_path, "begun", initial=str(other.folder), seed=7)
    fresh = start(tmp_path, "fresh", seed=7)
    for name, module in other.agent.modules.items():
        assert same_bits(snapshot(module), snapshot(begun.agent.modules[name]))
        assert not same_bits(snapshot(module), snapshot(fresh.agent.modules[name]))
    steps = [state["step"] for state in begun.agent.critic_optimizer.state.values()]
    assert {float(step) for step in steps} == {0}
    whole = train(config(tmp_path, "whole", initial=str(other.folder)))
    train(config(tmp_path, "broken", initial=str(other.folder), steps=13))
    other.folder.rename(tmp_path / "moved")
    broken = train(config(tmp_path, "broken", initial=str(other.folder), resume=True))
    for name, module in whole.agent.modules.items():
        assert same_bits(snapshot(module), snapshot(broken.agent.modules[name]))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden": (9,)}, r"cannot load .*agent\.actor\.hidden\.0\.weight is a tensor"),
        ({"members": 1}, r"cannot load .*allowed: a tensor of torch\.float32 of shape \[1, "),
        ({"initial": "nowhere"}, r"nowhere is not a run folder"),
    ],
    ids=str,
)
def test_another_shape_or_folder_is_one_sentence(tmp_path: Path, settings: Any, sentence: str):
    other = train(config(tmp_path, "other", steps=6))
    wrong = {"initial": str(other.folder), **settings}
    with pytest.raises((ConfigError, CheckpointError), match=sentence):
        train(config(tmp_path, "mine", **wrong))
    assert not (tmp_path / "mine").exists()


def test_transitions_fill_the_replay_of_every_member(tmp_path: Path):
    columns = transitions(40)
    trainer = start(tmp_path, "mine", prefill=write(tmp_path, columns), replay_capacity=60)
    assert len(trainer.replay) == 40
    for member in range(2):
        rows = trainer.replay.rows[member, :40].numpy()
        observation, action, reward, following, terminated = np.split(rows, [3, 4, 5, 8], axis=1)
        assert np.allclose(observation, columns["observation"])
        # Pendulum's actions are from −2 to 2.
        assert np.allclose(action, columns["action"] / 2)
        assert np.allclose(reward[:, 0], columns["reward"])
        assert np.allclose(following, columns["next_observation"])
        assert np.array_equal(terminated[:, 0], columns["terminated"])
    assert start(tmp_path, "empty").replay.added == 0


@pytest.mark.parametrize("n_step", [1, 3])
def test_a_prefilled_run_differs_and_is_resumed(tmp_path: Path, n_step: int):
    file = write(tmp_path, transitions(40))
    settings = {"prefill": file, "n_step": n_step, "replay_capacity": 50}
    whole = train(config(tmp_path, "whole", **settings)).folder
    train(config(tmp_path, "broken", **settings, steps=13))
    Path(file).unlink()
    broken = train(config(tmp_path, "broken", **settings, resume=True)).folder
    plain = train(config(tmp_path, "plain", n_step=n_step, replay_capacity=50)).folder
    weights = [(folder / "weights.csv").read_bytes() for folder in (whole, broken, plain)]
    assert weights[0] == weights[1] != weights[2]
    stored = Checkpoints(whole / "checkpoints").load_state()
    assert stored["step"] == 20


def test_the_last_episode_of_a_file_is_cut_from_the_first_of_the_run(tmp_path: Path):
    columns = transitions(4, truncated=np.zeros(4), terminated=np.zeros(4))
    trainer = start(tmp_path, "mine", prefill=write(tmp_path, columns), n_step=3)
    assert len(trainer.replay) == 2
    assert trainer.state.multi_step.state_dict()[-1, :, -1].tolist() == [1, 1]
    gamma = trainer.config.gamma
    reward = columns["reward"][:3] @ [1, gamma, gamma**2]
    assert torch.allclose(trainer.replay.rows[:, 0, 4], torch.tensor(reward).float())


@pytest.mark.parametrize(
    ("changes", "settings", "sentence"),
    [
        ({"reward": None}, {}, r"has no array reward; allowed: the arrays observation, action"),
        ({"truncated": None}, {"n_step": 2}, r"has no array truncated"),
        ({"reward": np.zeros(5)}, {}, r"is float64 of shape \[10, 3\]; allowed: .* \[5, 3\]"),
        ({"action": np.full((10, 1), 3.0)}, {}, r"action outside of its bounds; .*\[-2\.0\]"),
        ({"reward": np.full(10, np.nan)}, {}, r"reward in .* is not finite"),
        ({"terminated": np.full(10, 2)}, {}, r"terminated in .* is not a flag"),
        ({"reward": np.array(["a"] * 10)}, {}, r"reward in .* is <U1 of shape \[10\]"),
        ({}, {"replay_capacity": 9}, r"has 10 transitions; allowed: 1 to 9"),
        ({"observation": np.array([None] * 10)}, {}, r"cannot read .* it is not an \.npz file"),
    ],
    ids=str,
)
def test_a_file_that_does_not_fit_is_one_sentence(
    tmp_path: Path, changes: Any, settings: Any, sentence: str
):
    file = write(tmp_path, transitions(10, **changes))
    with pytest.raises(ConfigError, match=sentence):
        train(config(tmp_path, "mine", prefill=file, **settings))
    assert not (tmp_path / "mine").exists()


def test_a_file_that_is_missing_or_no_archive_is_one_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"cannot read .*none\.npz: No such file"):
        train(config(tmp_path, "mine", prefill=str(tmp_path / "none.npz")))
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ConfigError, match=r"cannot read .*text\.npz: it is not an \.npz file"):
        train(config(tmp_path, "mine", prefill=str(tmp_path / "text.npz")))


def test_running_statistics_are_those_of_the_other_run_and_of_the_file(tmp_path: Path):
    normal = {"normalize_observations": True, "reward_scale": "auto"}
    other = train(config(tmp_path, "other", **normal))
    begun = start(tmp_path, "begun", initial=str(other.folder), **normal)
    observation = torch.randn(2, 5, 3)
    assert torch.equal(begun.agent.act(observation), other.agent.act(observation))
    assert torch.equal(begun.agent.value(observation), other.agent.value(observation))
    with pytest.raises(CheckpointError, match="take normalized observations or scaled rewards"):
        train(config(tmp_path, "plain", initial=str(other.folder)))
    plain = train(config(tmp_path, "plain")).folder
    with pytest.raises(CheckpointError, match="agent has no 'normalization'"):
        train(config(tmp_path, "mine", initial=str(plain), **normal))
    columns = transitions(40)
    filled = start(tmp_path, "filled", prefill=write(tmp_path, columns), **normal)
    normalization = filled.state.normalization
    assert normalization is not None
    rows = torch.from_numpy(columns["observation"]).float().expand(2, 40, 3)
    assert normalization.observations(rows).mean().abs() < 0.05
    assert normalization.observations(rows).std() == pytest.approx(1, abs=0.1)
    assert not torch.allclose(rows.std(dim=1), torch.ones(2, 3), atol=0.03)
