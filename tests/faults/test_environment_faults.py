"""A fault of an environment stops the run with one sentence."""

import multiprocessing
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.environments.checked import CheckedEnvironment
from ddpg.errors import ConfigError, EnvironmentFaultError
from ddpg.evaluation.episodes import TRAINING_FIRST_SEED, Evaluator
from ddpg.runs.checkpoint import Checkpoints
from ddpg.training.loop import train
from tests.cli.bad_input.harness import call, contents
from tests.environments.registered import Faulty
from tests.faults.processes import differences, start_script

SMALL: dict[str, Any] = {
    **{"env": "ddpg-tests/Faulty-v0", "name": "mine", "steps": 60, "members": 3, "seed": 5},
    **{"hidden": (8,), "random_steps": 10, "log_every": 10, "evaluation_every": 0},
    "checkpoint_every": 20,
}


def train_with_fault(tmp_path: Path, kind: str, **settings: Any) -> str:
    """Return the error of a run whose member 1 has a fault at step 30."""
    options = {"fault": kind, "seed": 6}
    config = Config(**{"runs": str(tmp_path), "env_options": options, **SMALL, **settings})
    with pytest.raises(EnvironmentFaultError) as error:
        train(config)
    folder = tmp_path / "mine" / "checkpoints"
    assert Checkpoints(folder).steps() == [0, 20]
    text = str(error.value)
    assert text.startswith("the environment of member 1 ")
    assert text.endswith(f" at environment step 30; the last checkpoint is of step 20 in {folder}")
    return text


@pytest.mark.parametrize("timeout", [0.0, 20.0])
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("raises", "raised ValueError: the motor is broken at"),
        ("observation is NaN", "returned an observation with nan at"),
        (
            "observation is too long",
            r"returned an observation of shape \(3,\); allowed: \(2,\) at",
        ),
        ("reward is infinite", "returned the reward inf at"),
        ("reward is no number", "returned the reward None at"),
    ],
)
def test_a_fault_is_named_with_member_and_step(
    tmp_path: Path, kind: str, sentence: str, timeout: float
) -> None:
    assert re.search(sentence, train_with_fault(tmp_path, kind, environment_timeout=timeout))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("hangs", "did not answer within 1.5 s (environment_timeout) at"),
        ("dies", "ended its process at"),
    ],
)
def test_an_environment_that_hangs_or_dies_ends_in_an_error(
    tmp_path: Path, kind: str, sentence: str
) -> None:
    assert sentence in train_with_fault(tmp_path, kind, environment_timeout=1.5)


def test_environments_in_workers_train_equally_and_are_restored(tmp_path: Path) -> None:
    settings = {**SMALL, "runs": str(tmp_path), "env": "MountainCarContinuous-v0"}
    train(Config(**{**settings, "name": "local"}))
    workers = {**settings, "name": "workers", "environment_timeout": 60.0}
    train(Config(**{**workers, "steps": 30}))
    train(Config(**workers, resume=True))
    assert differences(tmp_path / "local", tmp_path / "workers") == []


def test_a_run_that_cannot_begin_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    settings: dict[str, Any] = {**SMALL, "env": "Pendulum-v1", "evaluation_every": 20}
    with pytest.raises(ConfigError, match="name: 'mine' is not allowed"):
        train(Config(**settings, runs=str(tmp_path), environment_timeout=20.0))
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("kind", "timeout", "sentence"),
    [
        ("raises", 0.0, "raised ValueError: the motor is broken"),
        ("raises", 20.0, "raised ValueError: the motor is broken"),
        ("hangs", 1.5, "did not answer within 1.5 s (environment_timeout)"),
        ("dies", 20.0, "ended its process"),
    ],
)
def test_a_fault_while_evaluating_stops_the_run(
    tmp_path: Path, kind: str, timeout: float, sentence: str
) -> None:
    """Only evaluation environments are first reset with this seed."""
    options = {"fault": kind, "seed": TRAINING_FIRST_SEED, "at": 2}
    settings = {**SMALL, "env_options": options, "evaluation_every": 30}
    with pytest.raises(EnvironmentFaultError) as error:
        train(Config(**settings, runs=str(tmp_path), environment_timeout=timeout))
    folder = tmp_path / "mine" / "checkpoints"
    assert Checkpoints(folder).steps() == [0, 20]
    assert str(error.value) == (
        f"the environment {sentence} while evaluating at environment step 30; the last checkpoint "
        f"is of step 20 in {folder}"
    )
    assert multiprocessing.active_children() == []


def test_an_evaluation_in_a_worker_has_equal_scores() -> None:
    def policies(observation: NDArray[np.float32]) -> NDArray[np.floating]:
        return np.tanh(observation[..., :1] * 7)

    evaluators = [Evaluator("Pendulum-v1", {}, 3, 7, timeout) for timeout in (0.0, 60.0)]
    one, other = (evaluator.run(policies, 2, 0.9) for evaluator in evaluators)
    for evaluator in evaluators:
        evaluator.close()
    for left, right in zip(one, other, strict=True):
        assert np.array_equal(left, right)


@pytest.mark.parametrize("kind", ["raises", "hangs"])
def test_a_fault_while_scoring_a_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"fault": kind, "seed": 10_001, "at": 2}
    train(Config(**SMALL, runs=".", env_options=options, environment_timeout=1.5))
    before = contents(tmp_path)
    outcome = call("evaluate.py", ["mine", "--episodes", "2", "--json", "score.json"])
    assert (outcome.status, outcome.output) == (1, "")
    assert outcome.errors in (
        "evaluate.py: stopped: the environment raised ValueError: the motor is broken\n",
        "evaluate.py: stopped: the environment did not answer within 1.5 s (environment_timeout)\n",
    )
    assert contents(tmp_path) == before


def test_the_wrapper_names_a_fault_without_a_member() -> None:
    environment = CheckedEnvironment(Faulty("raises", at=1))
    environment.reset(seed=0)
    with pytest.raises(EnvironmentFaultError, match=r"^the environment raised ValueError: the mo"):
        environment.step(np.zeros(1))


@pytest.mark.slow
def test_the_command_line_prints_a_fault_in_one_line(tmp_path: Path) -> None:
    arguments = ["--env", "ddpg-tests/Faulty-v0", "--env_options", "{fault: raises, at: 1}"]
    process = start_script([*arguments, "--runs", str(tmp_path / "runs")], tmp_path / "output.txt")
    process.join(120)
    lines = (tmp_path / "output.txt").read_text().splitlines()
    assert process.exitcode == 1
    assert lines[-1].startswith(
        "train.py: stopped: the environment of member 0 raised ValueError: "
    )
    assert "Traceback" not in "".join(lines)
