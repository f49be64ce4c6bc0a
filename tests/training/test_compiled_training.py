"""Runs with `compile: true` from start to end."""

import dataclasses
import signal
from pathlib import Path

import pytest
import torch

from ddpg.config.settings import Config
from ddpg.errors import CompileError
from ddpg.fast.compiled import CompiledUpdate
from ddpg.training.loop import train
from ddpg.training.progress import Progress, TrainingResult

pytestmark = [
    pytest.mark.slow,
    # The compiler still uses what newer PyTorch deprecates.
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
]


SCHEDULE = {
    "gradient_clip": 0.1,
    "n_step": 2,
    "actor_every": 2,
    "learning_rate_steps": 40,
    "learning_rate_final": 0.01,
    "normalize_observations": True,
    "reward_scale": "auto",
}


def config(runs: Path, **settings) -> Config:
    small = {"hidden": (8,), "batch_size": 8, "random_steps": 20, "log_every": 10, "steps": 60}
    return Config(
        **{"runs": str(runs), "compile": True, "evaluation_episodes": 1, **small, **settings}
    )


def assert_same_weights(left: TrainingResult, right: TrainingResult) -> None:
    for name, module in left.agent.modules.items():
        for key, value in module.state_dict().items():
            assert torch.equal(value, right.agent.modules[name].state_dict()[key]), (name, key)


def test_audits_evaluations_and_resuming_change_no_bit(tmp_path):
    plain = train(config(tmp_path, **SCHEDULE, separation_every=0, evaluation_every=0))
    eager = train(config(tmp_path, **SCHEDULE, compile=False)).agent.modules
    for name, module in plain.agent.modules.items():
        for key, value in module.state_dict().items():
            assert torch.allclose(value, eager[name].state_dict()[key], atol=1e-5), (name, key)
    reports: list[Progress] = []

    def interrupt(progress: Progress) -> None:
        reports.append(progress)
        if progress.step == 30:
            signal.raise_signal(signal.SIGINT)

    watched = config(tmp_path, name="mine", **SCHEDULE, separation_every=7, evaluation_every=20)
    stopped = train(watched, interrupt)
    assert (stopped.finished, stopped.step) == (False, 30)
    finished = train(dataclasses.replace(watched, resume=True))
    assert (finished.finished, finished.step) == (True, 60)
    assert_same_weights(finished, plain)
    activities = [progress.activity for progress in reports]
    # One activity is reported, and then cleared.
    assert next(text for text in activities if text).startswith("compiling the update")
    assert sum(map(bool, activities)) == 1
    assert activities[-1] == ""
    assert reports[-1].separation == "separation kept"


def test_a_compilation_that_ctrl_c_stopped_is_an_interrupt(tmp_path, monkeypatch):
    def stopped(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        raise CompileError("cannot compile the update: signal 2")

    monkeypatch.setattr(CompiledUpdate, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(config(tmp_path))


def test_a_failed_compilation_is_an_error(tmp_path, monkeypatch):
    def fails(*_: object) -> None:
        raise CompileError("cannot compile the update: no space left")

    monkeypatch.setattr(CompiledUpdate, "__call__", fails)
    with pytest.raises(CompileError, match="no space left"):
        train(config(tmp_path))
