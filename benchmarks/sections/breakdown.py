"""Time of a training step by part, measured by a stopwatch around the methods of a training.

A training without the stopwatch takes turns with it, which shows the overhead of measuring.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.report.tables import MeasuredTable
from benchmarks.subjects.limit import torch_products
from benchmarks.subjects.ours import COMPILED, workload_config
from benchmarks.timing.processes import run_child
from benchmarks.timing.stopwatch import Stopwatch
from benchmarks.workload import SIZES, Workload
from ddpg.training.loop import Trainer

_PYTHON, _UPDATE, _AUDIT = "Python of the loop", "update, the rest", "audit"
_COMPILED_UPDATE = "update, compiled"
_WINDOWS = 20
_FIRST_STEPS = 200
"""Training steps before the measurement."""
_SLICE = 50
"""Environment steps per turn."""


@dataclass(frozen=True)
class Breakdown:
    """Microseconds per step of all members."""

    name: str
    parts: dict[str, float]
    """By part; the sum is a step with the stopwatch."""
    products: float
    """Bare matrix products by `torch.bmm`, timed in the same process."""
    plain: float
    """Step without the stopwatch."""
    added: float
    """Median over the windows of the time with the stopwatch over the time without it, less 1."""


class BreakdownCase(NamedTuple):
    """Workload to break down, eager or compiled."""

    workload: Workload
    compiled: bool


CASES = {
    f"{'compiled, ' * compiled}{size}, {members} {'member' if members == 1 else 'members'}": (
        BreakdownCase(Workload(*SIZES[size], members=members), compiled)
    )
    for size, members in (("small", 1), ("small", 8), ("large", 1))
    for compiled in (False, True)
}
"""Cases of `--profile`, by name."""


def break_down(name: str, seconds: float, threads: int) -> Breakdown:
    """Break one of `CASES` down, in a process of its own.

    Args:
        name: key of `CASES`.
        seconds: approximate duration of the measurement.
        threads: threads of PyTorch, and processor cores.

    Raises:
        SubjectError: the process failed.
    """
    request = {"name": name, "seconds": seconds, "threads": threads}
    return Breakdown(**run_child("breakdown", name, request, threads))


def measure_case(name: str, seconds: float, threads: int) -> Breakdown:
    """Break one of `CASES` down, in this process."""
    case = CASES[name]
    return measure_breakdown(name, replace(case.workload, threads=threads), case.compiled, seconds)


def measure_breakdown(name: str, workload: Workload, compiled: bool, seconds: float) -> Breakdown:
    """Break the steps of any workload down, in this process."""
    with tempfile.TemporaryDirectory() as runs:
        config = workload_config(workload, runs, COMPILED if compiled else ())
        torch.set_num_threads(workload.threads)
        trainers = [Trainer(config, lambda _: None) for _ in range(2)]
        stopwatch = Stopwatch(rest=_PYTHON, inclusive=frozenset({_AUDIT}))
        _wrap_parts(stopwatch, trainers[0], compiled)
        for trainer in trainers:
            trainer.begin()
            trainer.advance(config.random_steps + _FIRST_STEPS)
        slices = _slices_per_window(trainers[1], seconds)
        stopwatch.seconds.clear()
        times = [
            _time_window(trainers, stopwatch, slices, plain_first=bool(window % 2))
            for window in range(_WINDOWS)
        ]
        for trainer in trainers:
            trainer.close()
    steps_per_window = slices * _SLICE
    parts = {
        part: 1e6 * spent / (_WINDOWS * steps_per_window)
        for part, spent in stopwatch.seconds.items()
    }
    plain = median(plain for _, plain in times) / steps_per_window
    added = median(timed / plain for timed, plain in times) - 1
    return Breakdown(name, parts, torch_products(workload, seconds / 10), 1e6 * plain, added)


def _slices_per_window(trainer: Trainer, seconds: float) -> int:
    """Return the turns per window for which all windows of both trainings take `seconds`."""
    began = time.perf_counter()
    trainer.advance(trainer.state.step + _SLICE)
    return max(1, int(seconds / (2 * _WINDOWS) / (time.perf_counter() - began)))


def _time_window(
    trainers: list[Trainer], stopwatch: Stopwatch, slices: int, plain_first: bool
) -> tuple[float, float]:
    """Return the seconds of `slices` turns of the training with the stopwatch, and without it."""
    seconds = [0.0, 0.0]
    for _ in range(slices):
        for which in (1, 0) if plain_first else (0, 1):
            began = time.perf_counter()
            stopwatch.start()
            trainers[which].advance(trainers[which].state.step + _SLICE)
            if which == 0:
                stopwatch.stop()
            seconds[which] += time.perf_counter() - began
    return seconds[0], seconds[1]


def _wrap_parts(stopwatch: Stopwatch, trainer: Trainer, compiled: bool) -> None:
    """Let `stopwatch` time the parts of a step of `trainer`."""
    agent = trainer.agent
    parts: list[tuple[object, str, str]] = [
        (trainer.state.environments, "step", "environment"),
        (trainer.replay, "add", "replay"),
        (trainer.replay, "sample", "replay"),
        (agent, "act", "acting"),
        (trainer.state.noise, "sample", "noise"),
        (trainer.state.window, "append", "logging"),
        (trainer.recorder.tracker, "add", "logging"),
        (trainer.recorder.tracker, "write", "logging"),
        (trainer.recorder, "add_metrics", "logging"),
        (trainer.recorder, "add_separation", _AUDIT),
        (trainer.schedule, "run", _COMPILED_UPDATE if compiled else _UPDATE),
    ]
    if not compiled:
        parts.append((agent, "update_targets", "Polyak"))
        for update in ("critic", "actor"):
            stop = getattr(agent, f"{update}_stop")
            optimizer = getattr(agent, f"{update}_optimizer")
            parts += [
                (agent, f"{update}_loss", "forward"),
                (stop, "clear_gradients", "backward"),
                (stop, "backward", "backward"),
                (optimizer, "step", "optimizer"),
            ]
    for owner, method, part in parts:
        stopwatch.wrap(owner, method, part)


def breakdown_table(breakdowns: Sequence[Breakdown]) -> MeasuredTable:
    """Return one column per case: microseconds per step by part, and shares of the step."""
    names = list(dict.fromkeys(part for each in breakdowns for part in each.parts))
    rows = []
    for part in names:
        row = [part]
        for each in breakdowns:
            spent = each.parts.get(part)
            row.append("" if spent is None else _with_share(spent, sum(each.parts.values())))
        rows.append(row)
    totals = [f"{sum(each.parts.values()):,.0f}" for each in breakdowns]
    rows.append(["step with the stopwatch", *totals])
    rows.append(["step without it", *[f"{each.plain:,.0f}" for each in breakdowns]])
    products = [_with_share(each.products, each.plain) for each in breakdowns]
    rows.append(["bare matrix products", *products])
    overhead = [f"{100 * each.added:.1f} %" for each in breakdowns]
    rows.append(["overhead of the stopwatch", *overhead])
    columns = ["µs per step", *[each.name for each in breakdowns]]
    return MeasuredTable("profile", "Time of a step by part", columns, rows)


def _with_share(microseconds: float, whole: float) -> str:
    return f"{microseconds:,.0f} ({100 * microseconds / whole:.0f} %)"
