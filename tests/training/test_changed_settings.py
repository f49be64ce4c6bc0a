"""Settings that may change on resume."""

import csv
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ddpg.cli.parser import parse_config
from ddpg.config.settings import Config
from ddpg.runs.checkpoint import Checkpoints
from ddpg.training.loop import Trainer, train
from ddpg.training.preparation import EvaluationInterrupted
from tests.cli.bad_input.harness import contents
from tests.faults.forging import forge
from tests.parts import same_bits

SMALL: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 10, "log_every": 7, "members": 2},
    **{"evaluation_every": 10, "evaluation_episodes": 1, "separation_every": 0, "steps": 45},
    "tensorboard": False,
}


def make_config(runs: Path, name: str, **settings: Any) -> Config:
    return Config(**{**SMALL, "runs": str(runs), "name": name, **settings})


def rows(folder: Path, tag: str) -> dict[int, float]:
    """Step -> value of member 0 in the rows that have one."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        table = [row for row in csv.DictReader(file) if row["member"] == "0"]
    return {int(row["step"]): float(row[tag]) for row in table if row[tag]}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    agent = Checkpoints(folder / "checkpoints").load_state()["agent"]
    return {f"{n}.{k}": v for n in ("actor", "critic") for k, v in agent[n].items()}


def test_periods_may_change_and_the_weights_do_not(tmp_path: Path) -> None:
    whole = train(make_config(tmp_path, "whole", log_every=1)).folder
    train(make_config(tmp_path, "mine", steps=30, log_every=20))
    # The first window is longer than its period: its memory grows.
    changed = {"log_every": 4, "evaluation_every": 5, "checkpoint_every": 9}
    mine = train(make_config(tmp_path, "mine", steps=38, resume=True, **changed)).folder
    train(make_config(tmp_path, "mine", resume=True, log_every=40))
    assert same_bits(weights(whole), weights(mine))
    loss, every_loss = rows(mine, "loss/critic"), rows(whole, "loss/critic")
    assert [*loss] == [20, 32, 36, 40]
    for first, last in ((20, 32), (32, 36), (36, 40)):
        mean = np.mean([every_loss[step] for step in range(first + 1, last + 1)])
        assert loss[last] == pytest.approx(mean, rel=1e-6)
    assert [*rows(mine, "return/evaluation")] == [10, 20, 30, 35, 40]
    assert Config.load(mine / "config.yaml").log_every == 40


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_learning_rate_may_change(tmp_path: Path, optimizer: str) -> None:
    same = {"evaluation_every": 0, "optimizer": optimizer}
    trainer = Trainer(make_config(tmp_path, "by hand", **same), lambda _: None)
    trainer.begin()
    trainer.advance(23)
    for group in trainer.agent.actor_optimizer.param_groups:
        group["lr"] = 0.1
    trainer.advance(45)
    trainer.save()
    trainer.close()
    train(make_config(tmp_path, "mine", steps=23, **same))
    mine = train(make_config(tmp_path, "mine", resume=True, actor_learning_rate=0.1, **same)).folder
    assert same_bits(weights(trainer.folder.path), weights(mine))
    plain = train(make_config(tmp_path, "plain", **same)).folder
    assert not same_bits(weights(plain), weights(mine))


def test_changes_are_in_the_text_of_every_member(tmp_path: Path) -> None:
    config = make_config(tmp_path, "mine", tensorboard=True, steps=20)
    train(config)
    changed = {"evaluation_every": 5, "critic_learning_rate": 0.01}
    folder = train(dataclasses.replace(config, steps=25, resume=True, **changed)).folder
    for seed in (0, 1):
        events = EventAccumulator(str(folder / f"seed-{seed}"))
        events.Reload()
        (note,) = events.Tensors("note/text_summary")
        text = note.tensor_proto.string_val[0].decode()
        assert note.step == 20
        assert text == (
            "resumed with critic_learning_rate 0.01 instead of 0.001, "
            "evaluation_every 5 instead of 10"
        )


def test_an_interrupted_evaluation_is_dropped_without_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise EvaluationInterrupted

    config = make_config(tmp_path, "mine", log_every=10)
    with monkeypatch.context() as patch:
        patch.setattr("ddpg.evaluation.episodes.Evaluator.run", interrupted)
        stopped = train(config)
    assert (stopped.step, stopped.finished) == (10, False)
    done = train(dataclasses.replace(config, resume=True, evaluation_every=0))
    assert (done.step, done.finished) == (45, True)
    assert [*rows(done.folder, "loss/critic")] == [20, 30, 40]
    assert rows(done.folder, "return/evaluation") == {}


def older(state: dict[str, Any]) -> dict[str, Any]:
    """The state as an earlier version wrote it."""
    later = ("logged_at", "multi_step", "best", "info", "spaces", "settings", "curves")
    return {name: state[name] for name in state if name not in later}


@pytest.mark.parametrize("change", [lambda state: state, older])
def test_a_window_of_an_earlier_version_is_loaded(
    tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    folder = train(make_config(tmp_path, "mine", steps=23)).folder
    forge(folder, change)
    train(make_config(tmp_path, "mine", resume=True))
    whole = train(make_config(tmp_path, "whole")).folder
    assert (folder / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()


def test_a_copied_folder_resumes_itself(tmp_path: Path) -> None:
    folder = train(make_config(tmp_path, "mine", steps=23)).folder
    copied = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    before = contents(folder)
    words = ["--resume", "--runs", str(copied.parent), "--name", "copy", "--steps", "45"]
    assert train(parse_config(words)).folder == copied
    assert contents(folder) == before
    whole = train(make_config(tmp_path, "whole")).folder
    assert (copied / "weights.csv").read_bytes() == (whole / "weights.csv").read_bytes()
