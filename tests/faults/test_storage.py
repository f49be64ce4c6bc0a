"""Signals, a full disk, a read-only folder: one sentence and a complete last checkpoint."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from ddpg.runs.checkpoint import Checkpoints
from tests.faults.processes import SCRIPT, differences, start_script, wait_until

SMALL = [
    *("--hidden", "[16,16]", "--random_steps", "50", "--log_every", "20", "--members", "2"),
    *("--evaluation_every", "50", "--evaluation_episodes", "1", "--checkpoint_every", "100"),
]


def train(runs: Path, name: str, *arguments: str, file_limit: int | None = None) -> BaseProcess:
    where = ["--runs", str(runs), "--name", name]
    return start_script([*where, *SMALL, *arguments], runs / f"{name}.txt", file_limit)


def finish(process: BaseProcess, runs: Path, name: str) -> tuple[int | None, list[str]]:
    """Return the exit status and the printed lines."""
    process.join(120)
    text = (runs / f"{name}.txt").read_text()
    assert "Traceback" not in text
    return process.exitcode, sentences(text)


def sentences(text: str) -> list[str]:
    """Return the printed lines except for the progress bar."""
    return [line for line in text.splitlines() if line and not re.search(r"━| steps/s ", line)]


def saved(runs: Path, name: str) -> Checkpoints:
    return Checkpoints(runs / name / "checkpoints")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_step_and_writes_a_checkpoint(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = train(tmp_path, "mine", "--steps", "1000000")
    wait_until(lambda: (saved(tmp_path, "mine").latest_step() or 0) >= 100, process)
    assert process.pid is not None
    os.kill(process.pid, number)
    status, lines = finish(process, tmp_path, "mine")
    assert status == 128 + number
    step = saved(tmp_path, "mine").latest_step()
    assert step is not None
    assert len(lines) == 1
    assert re.match(rf"Stopped at step {step:,}\. Continue with: \S*python ", lines[0])
    again = shlex.split(lines[0].partition("Continue with: ")[2])[2:]
    assert again == [
        *("--resume", "--runs", str(tmp_path), "--name", "mine", "--steps", "1000000"),
    ]
    assert_equals_uninterrupted(tmp_path, step + 60)


def assert_equals_uninterrupted(runs: Path, steps: int, *options: str) -> None:
    """Resume the run `mine` up to `steps`; it equals an uninterrupted run."""
    for name, *resume in (("mine", "--resume"), ("whole",)):
        process = train(runs, name, *resume, *options, "--steps", str(steps))
        assert finish(process, runs, name)[0] == 0
    assert differences(runs / "whole", runs / "mine") == []


@pytest.mark.slow
@pytest.mark.parametrize("file", ["state-000000000200.pt", "metrics.csv", "policy.pt"])
def test_a_full_disk_is_one_sentence_and_keeps_the_last_checkpoint(
    tmp_path: Path, file: str
) -> None:
    # The best policy is larger than the curves, and no policy is best without an evaluation.
    options = ["--evaluation_every", "0"] if file == "metrics.csv" else []
    process = train(tmp_path, "mine", *options, "--steps", "100")
    assert finish(process, tmp_path, "mine")[0] == 0
    folder = tmp_path / "mine" / "checkpoints"
    before = contents(folder)
    if file == "metrics.csv":
        limit = (tmp_path / "mine" / file).stat().st_size + 100
    elif file == "policy.pt":
        limit = (tmp_path / "mine" / "best" / file).stat().st_size - 100
    else:
        limit = len(before["state-000000000100.pt"]) // 2
    process = train(tmp_path, "mine", "--resume", *options, "--steps", "200", file_limit=limit)
    status, lines = finish(process, tmp_path, "mine")
    assert status == 1
    assert len(lines) == 1
    assert lines[0].startswith("train.py: stopped: cannot write ")
    assert f"{file}: File too large; the last checkpoint is of step 100" in lines[0]
    after = contents(folder)
    # A piece of replay that no manifest names may remain.
    assert {name: content for name, content in after.items() if name in before} == before
    assert all(name.startswith("replay-") for name in after.keys() - before.keys())
    assert_equals_uninterrupted(tmp_path, 200, *options)


@pytest.mark.slow
def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    """The superuser may write anywhere, so that capability is dropped first."""
    command = [sys.executable, str(SCRIPT), "--runs", str(tmp_path), "--name", "mine", *SMALL]
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        assert setpriv, "the superuser needs setpriv (util-linux) for this test"
        command = [setpriv, "--bounding-set", "-dac_override", "--", *command]
    process = subprocess.Popen(
        [*command, "--steps", "1000000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Wide enough for the progress bar to take one line.
        env={**os.environ, "COLUMNS": "200"},
    )
    folder = tmp_path / "mine" / "checkpoints"
    try:
        while len(saved(tmp_path, "mine").steps()) < 2:
            assert process.poll() is None
        folder.chmod(0o555)
        _, errors = process.communicate(timeout=120)
        lines = sentences(errors)
        assert process.returncode == 1, errors
        assert len(lines) == 1
        step = saved(tmp_path, "mine").latest_step()
        assert lines[0].startswith("train.py: stopped: cannot write ")
        assert ": Permission denied; " in lines[0]
        assert f"the last checkpoint is of step {step} in" in lines[0]
    finally:
        process.kill()
        folder.chmod(0o755)
    assert step is not None
    assert_equals_uninterrupted(tmp_path, step + 60)
