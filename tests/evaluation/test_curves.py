"""Curves read from `metrics.csv`, and their picture."""

import numpy as np
import pytest

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.evaluation.curves import draw_runs, read_curve
from ddpg.runs.folder import RunFolder
from ddpg.training.loop import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Result of a short run of two members."""
    settings = {"random_steps": 20, "log_every": 10, "evaluation_every": 20, "hidden": (8,)}
    runs = str(tmp_path_factory.mktemp("runs"))
    return train(Config(runs=runs, steps=60, members=2, stop="none", **settings))


def test_a_curve_has_every_member_at_every_step(run):
    curve = read_curve(RunFolder(run.folder), "return/evaluation")
    assert curve.steps.tolist() == [20, 40, 60]
    assert curve.values.shape == (2, 3)
    assert np.array_equal(curve.values[:, -1], run.returns)
    grade = read_curve(RunFolder(run.folder), "separation/critic_update/critic_target/grade")
    assert grade.values.tolist() == [[3.0], [3.0]]


def test_a_picture_of_two_runs(run, tmp_path):
    draw_runs([run.folder, run.folder], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_bad_arguments_are_config_errors(run, tmp_path):
    with pytest.raises(ConfigError, match=r"allowed: a name that ends in one of .*\.png"):
        draw_runs([run.folder], tmp_path / "curves.xyz")
    with pytest.raises(ConfigError, match=r"no config\.yaml"):
        draw_runs([tmp_path], tmp_path / "curves.png")
    with pytest.raises(ConfigError, match="it has no point of 'separation/nothing'"):
        read_curve(RunFolder(run.folder), "separation/nothing")
    assert list(tmp_path.iterdir()) == []
