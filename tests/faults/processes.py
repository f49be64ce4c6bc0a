"""Trainings in child processes that can be killed, and comparisons of whole runs."""

import multiprocessing
import os
import resource
import runpy
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from ddpg.config.settings import Config
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.tags import SPEED

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
UNCOMPARED = {SPEED, "config/text_summary", "_hparams_/session_start_info"}
"""The speed, and settings, which hold the names of runs."""
_START = multiprocessing.get_context("forkserver")
# Preloaded, so that a kill hits the training instead of an import.
_START.set_forkserver_preload(
    ["ddpg.training.loop", "torch.utils.tensorboard.writer", "ddpg.cli.display"]
)


def start(config: Config, die_at: int | None = None) -> BaseProcess:
    """Start a training that kills itself before or after a rename; see `_kill_in_call`."""
    process = _START.Process(target=_train, args=(config, die_at))
    process.start()
    return process


def _train(config: Config, die_at: int | None) -> None:
    from ddpg.training.loop import train
    from tests.environments.registered import register

    register()
    if die_at is not None:
        Path.replace = _kill_in_call(Path.replace, die_at)
    sys.exit(0 if train(config).finished else 1)


def _kill_in_call(function: Callable[..., Any], calls: int) -> Callable[..., Any]:
    """Wrap `function`; kill the process in call `calls // 2 + 1`, before it if odd, else after."""
    left = calls // 2 + 1

    def call(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and calls % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def differences(one: Path, other: Path) -> list[str]:
    """Return the parts of two runs that are not bit-identical, except for the speed."""
    different = [
        file
        for file in ("metrics.csv", "weights.csv")
        if (one / file).read_bytes() != (other / file).read_bytes()
    ]
    states = [Checkpoints(each / "checkpoints").load_state() for each in (one, other)]
    different += [key for key in states[0] if not same(states[0][key], states[1][key])]
    if not torch.equal(replay(one), replay(other)):
        different.append("replay")
    for member in one.glob("seed-*"):
        if curves(member) != curves(other / member.name):
            different.append(f"TensorBoard of {member.name}")
    return different


def replay(run: Path) -> torch.Tensor:
    """Return every transition of the newest checkpoint, `[member, transition, width]`."""
    files = sorted((run / "checkpoints").glob("replay-*.pt"))
    return torch.cat([torch.load(file, weights_only=True) for file in files], dim=1)


def curves(member: Path) -> dict[str, list[tuple[int, Any]]]:
    """Return tag -> every point that TensorBoard's server shows: pictures and texts too."""
    shown = EventAccumulator(str(member), size_guidance={"tensors": 0})
    shown.Reload()
    points = {tag: shown.Tensors(tag) for tag in shown.Tags()["tensors"] if tag not in UNCOMPARED}
    return {
        tag: [(point.step, make_ndarray(point.tensor_proto).tolist()) for point in events]
        for tag, events in points.items()
        # A tag without points is listed if all its points were purged.
        if events
    }


def same(one: Any, other: Any) -> bool:
    """Return whether two states are bit-identical."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if torch.is_tensor(one):
        return one.dtype == other.dtype and torch.equal(one, other)
    return one == other


def start_script(arguments: list[str], output: Path, file_limit: int | None = None) -> BaseProcess:
    """Start `scripts/train.py`, with its output in a file.

    Args:
        arguments: arguments of the command line.
        output: file for standard output and standard error together.
        file_limit: largest size of a file in bytes (RLIMIT_FSIZE), which acts like a full disk.
    """
    process = _START.Process(target=_script, args=(arguments, output, file_limit))
    process.start()
    return process


def _script(arguments: list[str], output: Path, file_limit: int | None) -> None:
    from tests.environments.registered import register

    register()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    # Wide enough for the progress bar to take one line.
    os.environ["COLUMNS"] = "200"
    sys.argv = [str(SCRIPT), *arguments]
    runpy.run_path(str(SCRIPT), run_name="__main__")


def wait_until(condition: Callable[[], bool], process: BaseProcess) -> None:
    """Wait until a condition of a running process is true.

    Raises:
        TimeoutError: the process ended, or a minute passed.
    """
    deadline = time.monotonic() + 60
    while not condition():
        if process.exitcode is not None or time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
