"""A checkpoint is taken up: what goes on, and what begins anew."""

from pathlib import Path

import numpy as np

from ddpg.config.settings import Config
from ddpg.training.loop import Trainer

SMALL = {"hidden": (8,), "random_steps": 4, "evaluation_every": 0, "steps": 14, "members": 2}


def stopped_and_resumed(tmp_path: Path, env: str) -> tuple[Trainer, Trainer]:
    """A training that ended in the middle of an episode, and one that took it up."""
    settings = {**SMALL, "env": env, "noise": "ornstein_uhlenbeck", "runs": str(tmp_path)}
    stopped = Trainer(Config(**settings, name="mine"), lambda _: None)
    stopped.run()
    stopped.close()
    resumed = Trainer(Config(**settings, name="mine", resume=True), lambda _: None)
    resumed.close()
    return stopped, resumed


def test_an_episode_that_comes_back_goes_on(tmp_path):
    stopped, resumed = stopped_and_resumed(tmp_path, "Pendulum-v1")
    assert resumed.begun_anew == []
    assert (resumed.step, resumed.updates) == (14, 10)
    assert resumed.episode_length.tolist() == [14.0, 14.0]
    assert np.all(resumed.episode_return < 0)
    for name in ("episode_return", "episode_length"):
        assert np.array_equal(getattr(resumed, name), getattr(stopped, name))
    assert np.all(resumed.noise.state_dict()["state"].numpy() != 0)
    assert np.array_equal(resumed.noise.state_dict()["state"], stopped.noise.state_dict()["state"])
    assert np.array_equal(resumed.environments.observation, stopped.environments.observation)


def test_an_episode_that_does_not_come_back_begins_anew_with_its_noise_and_another_seed(tmp_path):
    """These environments count their episodes, which no random state and no action tells."""
    stopped, resumed = stopped_and_resumed(tmp_path, "ddpg-tests/Truncates-v0")
    assert resumed.begun_anew == [0, 1]
    assert (resumed.step, resumed.updates) == (14, 10)
    assert stopped.episode_length.tolist() == [2.0, 2.0]
    assert np.all(stopped.episode_return != 0)
    assert np.all(stopped.noise.state_dict()["state"].numpy() != 0)
    assert resumed.episode_length.tolist() == [0.0, 0.0]
    assert resumed.episode_return.tolist() == [0.0, 0.0]
    assert resumed.noise.state_dict()["state"].tolist() == [[0.0], [0.0]]
    seeds = [each["seed"] for each in resumed.environments.state_dict()["episodes"]]
    assert len({*seeds, *resumed.seeds}) == 4


def test_what_is_drawn_next_is_what_would_have_been_drawn(tmp_path):
    stopped, resumed = stopped_and_resumed(tmp_path, "Pendulum-v1")
    one, other = (trainer.replay.sample(8) for trainer in (stopped, resumed))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert one.reward.unique().numel() > 1
    one, other = (trainer.noise.sample(1.0) for trainer in (stopped, resumed))
    assert np.array_equal(one, other)
    assert np.all(one != 0)
