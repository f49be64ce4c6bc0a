"""Curves of a run that is interrupted in an evaluation, killed, or whose files lost rows."""

import dataclasses
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from ddpg.config.settings import Config
from ddpg.environments.workers import LocalEnvironments
from ddpg.errors import CheckpointError, ConfigError
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.tags import LOSS_CRITIC
from ddpg.training.loop import train
from ddpg.training.progress import Progress
from tests.faults.processes import differences


def small(runs: Path, **settings: Any) -> Config:
    defaults: dict[str, Any] = {"hidden": (8,), "batch_size": 8, "random_steps": 5, "steps": 40}
    defaults |= {"log_every": 5, "separation_every": 5, "evaluation_every": 20}
    defaults |= {"evaluation_episodes": 2, "name": "mine", "checkpoint_every": 20}
    defaults |= {"env_options": {"max_episode_steps": 30}}
    return Config(**{"runs": str(runs), "members": 2, **defaults, **settings})


@pytest.mark.parametrize(("evaluation", "reached"), [(1, 20), (2, 40)])
def test_a_signal_in_an_evaluation_ends_it_and_the_resumed_run_starts_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evaluation: int, reached: int
) -> None:
    train(small(tmp_path, name="whole"))
    with monkeypatch.context() as patch:
        calls, step = 0, LocalEnvironments.step

        def interrupted(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            # Each evaluation has 30 steps of 2 members in 2 episodes.
            if calls == 120 * evaluation - 60:
                signal.raise_signal(signal.SIGINT)
            return step(*arguments)

        patch.setattr(LocalEnvironments, "step", interrupted)
        stopped = train(small(tmp_path))
        assert calls < 120 * evaluation
    assert (stopped.finished, stopped.step, stopped.signal) == (False, reached, signal.SIGINT)
    checkpoints = Checkpoints(tmp_path / "mine" / "checkpoints")
    assert checkpoints.latest_step() == reached
    assert not checkpoints.has_reached(reached)
    finished = train(small(tmp_path, resume=True))
    assert finished.finished
    assert checkpoints.has_reached(40)
    assert differences(tmp_path / "whole", tmp_path / "mine") == []
    # Once more at the end: nothing is evaluated or written twice.
    train(small(tmp_path, resume=True))
    assert differences(tmp_path / "whole", tmp_path / "mine") == []


@pytest.mark.parametrize("file", ["metrics.csv", "weights.csv"])
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_run_whose_curves_lost_rows_is_refused_and_not_changed(
    tmp_path: Path, file: str, kept: int
) -> None:
    train(small(tmp_path))
    path = tmp_path / "mine" / file
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:kept]))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=rf"{file}: it has \d rows .* in the checkpoint"):
        train(small(tmp_path, resume=True, steps=60))
    assert path.read_bytes() == before


def test_a_checkpoint_without_numbers_of_rows_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        save = Checkpoints.save

        def save_without(self: Checkpoints, step: int, state: Any, *more: Any) -> None:
            save(self, step, {name: state[name] for name in state if name != "curves"}, *more)

        patch.setattr(Checkpoints, "save", save_without)
        train(small(tmp_path))
    (tmp_path / "mine" / ".lock").unlink()
    train(small(tmp_path, resume=True, steps=60))
    train(small(tmp_path, name="whole", steps=60))
    assert differences(tmp_path / "whole", tmp_path / "mine") == []


def test_tensorboards_slow_loader_shows_each_point_once_after_a_kill(tmp_path: Path) -> None:
    def fail(progress: Progress) -> None:
        if progress.step == 35:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train(small(tmp_path), fail)
    train(dataclasses.replace(small(tmp_path), resume=True))
    # What TensorBoard's server reads without its data server.
    shown = EventAccumulator(str(tmp_path / "mine" / "seed-0"))
    shown.Reload()
    steps = [point.step for point in shown.Tensors(LOSS_CRITIC)]
    assert steps == [*np.arange(10, 41, 5)]


def test_an_edited_setting_is_refused_on_resume(tmp_path: Path) -> None:
    train(small(tmp_path))
    file = tmp_path / "mine" / "config.yaml"
    file.write_text(file.read_text().replace("gamma: 0.98", "gamma: 0.5"))
    edited = dataclasses.replace(Config.load(file), resume=True, steps=60)
    with pytest.raises(CheckpointError, match=r"gamma: 0\.5 in config\.yaml"):
        train(edited)


@pytest.mark.parametrize("ahead", [[1_000_000], [3, 4, 5], [100_000, 50]])
def test_the_curve_continues_after_a_clock_that_goes_back(tmp_path: Path, ahead: list[int]) -> None:
    """Event files of a clock that was `ahead` seconds ahead."""
    steps = 40
    settings: dict[str, Any] = {"members": 1, "evaluation_every": 0, "separation_every": 0}
    run = train(small(tmp_path, **settings)).folder / "seed-0"
    for seconds in ahead:
        newest = max(run.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        _, _, _, _, rest = newest.name.split(".", 4)
        newest.rename(run / f"events.out.tfevents.{int(time.time()) + seconds}.{rest}")
        steps += 20
        train(small(tmp_path, **settings, steps=steps, resume=True))
    by_name = [file.stat().st_mtime_ns for file in sorted(run.iterdir())]
    assert len(by_name) == 1 + len(ahead)
    assert by_name == sorted(by_name)
    shown = EventAccumulator(str(run))
    shown.Reload()
    points = [point.step for point in shown.Tensors(LOSS_CRITIC)]
    assert points == [*range(10, steps + 1, 5)]
