"""Means of `info` values per episode, in `metrics.csv` and TensorBoard."""

import csv
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box

from ddpg import Config, ConfigError, EnvironmentFaultError, train
from ddpg.environments.vector import Environments
from ddpg.errors import RunWarning
from tests.runs.test_tracking import events

SMALL: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 10, "log_every": 5, "members": 2},
    **{"evaluation_every": 0, "separation_every": 0, "steps": 33, "name": "mine"},
}


class Noted(gymnasium.Env[Any, Any]):
    """Episodes of three to six steps; `info` has the step, at times a flag, and text."""

    observation_space = Box(-10, 10, (1,))
    action_space = Box(-1, 1, (1,))

    def __init__(self, bad: Any = None) -> None:
        self.bad = bad

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed, options=options)
        self.step_number, self.length = 0, int(self.np_random.integers(3, 7))
        return np.zeros(1, np.float32), {"step": 1000.0, "ignored": "text"}

    def step(self, action: Any) -> Any:  # noqa: ARG002
        self.step_number += 1
        info = {"step": self.step_number, "ignored": ["text"], "dist/x": self.step_number**2}
        ended = self.step_number == self.length
        if ended:
            info["is_success"] = np.bool_(self.length > 4)
        if self.bad is not None:
            info["step"] = self.bad
        return np.full(1, self.step_number, np.float32), 1.0, ended, False, info


NAMES = ("step", "dist/x", "is_success")


def episodes(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["episode/length"]]


@pytest.mark.parametrize("timeout", [0, 60])
def test_each_episode_has_the_mean_over_its_own_steps(tmp_path: Path, timeout: float):
    config = Config(**SMALL, runs=str(tmp_path), log_info=NAMES, environment_timeout=timeout)
    result = train(config, env=Noted)
    rows = episodes(result.folder)
    assert len(rows) > 8
    for row in rows:
        length = float(row["episode/length"])
        steps = np.arange(1, length + 1)
        assert float(row["info/step"]) == steps.mean()
        assert float(row["info/dist/x"]) == (steps**2).mean()
        assert float(row["info/is_success"]) == (length > 4)
    assert {row["info/is_success"] for row in rows} == {"0.0", "1.0"}
    points = events(result.folder / "seed-1").Scalars("info/step")
    assert [point.value for point in points] == [
        float(row["info/step"]) for row in rows if row["member"] == "1"
    ]


def test_a_resumed_run_continues_the_means(tmp_path: Path):
    settings = {**SMALL, "runs": str(tmp_path), "log_info": NAMES, "tensorboard": False}
    whole = train(Config(**{**settings, "name": "whole"}), env=Noted).folder
    for steps in (13, 22, 33):
        broken = train(
            Config(**{**settings, "steps": steps, "resume": steps > 13}), env=Noted
        ).folder
    assert (broken / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_a_name_that_never_occurs_is_warned_of_once(tmp_path: Path):
    settings = {**SMALL, "tensorboard": False, "log_info": ["is_succes", "step"]}
    with pytest.warns(RunWarning, match="no step of an episode has 'is_succes'") as caught:
        folder = train(Config(**settings, runs=str(tmp_path)), env=Noted).folder
    assert len(caught) == 1
    assert {row["info/is_succes"] for row in episodes(folder)} == {""}


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("far", r"returned info 'step' of dtype|returned info 'step' 'far'; allowed: a number"),
        ([1, 2], r"returned info 'step' \[1, 2\]; allowed: a number"),
        (np.inf, r"returned info 'step' with inf"),
    ],
    ids=str,
)
def test_a_logged_value_that_is_not_a_number_is_a_fault(bad: Any, sentence: str):
    environments = Environments(Noted, 1, {"bad": bad}, log_info=["step"])
    environments.reset([0])
    with pytest.raises(EnvironmentFaultError, match=sentence):
        environments.step(np.zeros((1, 1)))
    environments.close()
    # Not logged, so not read.
    environments = Environments(Noted, 1, {"bad": bad}, log_info=["dist/x"])
    environments.reset([0])
    assert environments.step(np.zeros((1, 1))).info.tolist() == [[1.0]]
    environments.close()


@pytest.mark.parametrize("names", [["a", "a"], ["a b"], ["a,b"], [1], "a", [""]], ids=str)
def test_names_that_cannot_be_columns_are_refused(names: Any):
    with pytest.raises(ConfigError, match=r"log_info: .* is not allowed; allowed: a list of names"):
        Config(log_info=names)
