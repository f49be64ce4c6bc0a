"""A state that is loaded from a checkpoint: what continues, and what starts again."""

from pathlib import Path

import numpy as np

from ddpg.config.settings import Config
from ddpg.training.loop import Trainer

SMALL = {"hidden": (8,), "random_steps": 4, "evaluation_every": 0, "steps": 14, "members": 2}


def stopped_and_resumed(tmp_path: Path, env: str) -> tuple[Trainer, Trainer]:
    """Return a run that ended in the middle of an episode, and the run that resumes it."""
    settings = {**SMALL, "env": env, "noise": "ornstein_uhlenbeck", "runs": str(tmp_path)}
    stopped = Trainer(Config(**settings, name="mine"), lambda _: None)
    stopped.run()
    stopped.close()
    resumed = Trainer(Config(**settings, name="mine", resume=True), lambda _: None)
    resumed.close()
    return stopped, resumed


def test_an_episode_that_is_restored_continues(tmp_path):
    stopped, resumed = stopped_and_resumed(tmp_path, "Pendulum-v1")
    assert resumed.restarted == []
    before, after = stopped.state, resumed.state
    assert (after.step, after.updates) == (14, 10)
    assert after.episode_length.tolist() == [14.0, 14.0]
    assert np.all(after.episode_return < 0)
    for name in ("episode_return", "episode_length"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    noise = after.noise.state_dict()["state"]
    assert np.all(noise.numpy() != 0)
    assert np.array_equal(noise, before.noise.state_dict()["state"])
    assert np.array_equal(after.environments.observation, before.environments.observation)


def test_an_episode_that_is_not_restored_starts_again_with_its_noise_and_another_seed(tmp_path):
    """These environments count their episodes, which no random state and no action stores."""
    stopped, resumed = stopped_and_resumed(tmp_path, "ddpg-tests/Truncates-v0")
    assert resumed.restarted == [0, 1]
    before, after = stopped.state, resumed.state
    assert (after.step, after.updates) == (14, 10)
    assert before.episode_length.tolist() == [2.0, 2.0]
    assert np.all(before.episode_return != 0)
    assert np.all(before.noise.state_dict()["state"].numpy() != 0)
    assert after.episode_length.tolist() == [0.0, 0.0]
    assert after.episode_return.tolist() == [0.0, 0.0]
    assert after.noise.state_dict()["state"].tolist() == [[0.0], [0.0]]
    seeds = [each["seed"] for each in after.environments.state_dict()["episodes"]]
    assert len({*seeds, *after.seeds}) == 4


def test_random_numbers_continue(tmp_path):
    stopped, resumed = stopped_and_resumed(tmp_path, "Pendulum-v1")
    one, other = (trainer.replay.sample(8) for trainer in (stopped, resumed))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.reward.unique().numel() > 1
    one, other = (trainer.state.noise.sample(1.0) for trainer in (stopped, resumed))
    assert np.array_equal(one, other)
    assert np.all(one != 0)
