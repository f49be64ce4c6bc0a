"""Ctrl-C before the first step: no traceback, and nothing incomplete on disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ddpg.config.settings import Config
from ddpg.runs.folder import RunFolder
from tests.faults.processes import SCRIPT

SMALL = ["--hidden", "[8]", "--random_steps", "10", "--evaluation_every", "0", "--steps", "20"]


def has_loaded(name: str) -> Callable[[int, Path], bool]:
    """Return a check that a process has loaded a library with `name` in its path."""
    return lambda pid, _: name in Path(f"/proc/{pid}/maps").read_text()


def exists(pattern: str) -> Callable[[int, Path], bool]:
    """Return a check that a path below the folder of runs exists."""
    return lambda _, runs: any(runs.glob(pattern))


def start(command: list[str], folder: Path, ctrl_c: signal.Handlers) -> subprocess.Popen[str]:
    """Start a process with this handler of Ctrl-C, independent of the handler of the tests."""
    before = signal.signal(signal.SIGINT, ctrl_c)
    try:
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder
        )
    finally:
        signal.signal(signal.SIGINT, before)


MOMENTS = {
    "NumPy loads": has_loaded("_multiarray_umath"),
    "PyTorch loads": has_loaded("libtorch_cpu"),
    "the Python part of PyTorch loads": has_loaded("libtorch_python"),
    "the folder exists": exists("mine"),
    "the first checkpoint is being written": exists("mine/checkpoints"),
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_ctrl_c_before_the_first_step(tmp_path: Path, moment: Callable[[int, Path], bool]) -> None:
    runs = tmp_path / "runs"
    command = [sys.executable, str(SCRIPT), "--runs", str(runs), "--name", "mine", *SMALL]
    process = start(command, tmp_path, signal.SIG_DFL)
    deadline = time.monotonic() + 60
    while not moment(process.pid, runs):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, (output, errors)
    assert "Traceback" not in errors
    assert "Error" not in errors
    messages = [line for line in errors.splitlines() if "train.py" in line]
    assert len(messages) <= 1
    assert [path.name for path in tmp_path.glob("runs/*")] in ([], ["mine"])
    if runs.exists() and any(runs.iterdir()):
        again = [*command, "--resume"]
        done = subprocess.run(again, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "after 20 steps" in done.stdout


def test_an_interrupted_creation_of_a_folder_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Config) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Config, "to_yaml", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RunFolder.create(Config(runs=str(tmp_path / "runs"), name="mine"))
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.slow
def test_a_background_process_keeps_ignoring_ctrl_c(tmp_path: Path) -> None:
    """A shell starts it with Ctrl-C ignored, which must not change while PyTorch loads."""
    process = start([sys.executable, str(SCRIPT), "--help"], tmp_path, signal.SIG_IGN)
    while "_multiarray_umath" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "--gamma " in output
