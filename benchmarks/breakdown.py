"""Where a step's time goes, by part, in a training whose methods are wrapped with a stopwatch.

Beside it runs the same training without one, in turns, which tells what the measuring adds.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.child import hold_to
from benchmarks.limit import torch_products
from benchmarks.ours import COMPILED, config
from benchmarks.processes import run_child
from benchmarks.stopwatch import Stopwatch
from benchmarks.tables import Table
from benchmarks.work import SIZES, Work
from ddpg.training.loop import Trainer

_PYTHON, _UPDATE, _AUDIT = "Python of the loop", "update, the rest", "audit"
_WHOLE_UPDATE = "update, compiled"
_WINDOWS = 20
_FIRST_STEPS = 200
"""Of training, before anything counts."""
_SLICE = 50
"""Environment steps of a turn."""


@dataclass(frozen=True)
class Breakdown:
    """Microseconds of one step of all members."""

    name: str
    parts: dict[str, float]
    """By part; their sum is a step with the stopwatch."""
    products: float
    """The bare matrix products among it, in torch's way, timed in the same process."""
    plain: float
    """A step without the stopwatch."""
    added: float
    """Median over the windows of the time with it over the time without, less 1."""


class Case(NamedTuple):
    """What is broken down."""

    work: Work
    compiled: bool


CASES = {
    f"{'compiled, ' * compiled}{size}, {members} {'member' if members == 1 else 'members'}": Case(
        Work(*SIZES[size], members=members), compiled
    )
    for size, members in (("small", 1), ("small", 8), ("large", 1))
    for compiled in (False, True)
}
"""What `--profile` looks at, by name."""


def break_down(name: str, seconds: float, threads: int) -> Breakdown:
    """Break one of `CASES` down, in a process of its own.

    Args:
        name: which.
        seconds: about how long it counts.
        threads: of PyTorch, and processor cores.

    Raises:
        SubjectError: it failed.
    """
    request = {"case": name, "seconds": seconds, "threads": threads}
    return Breakdown(**run_child("benchmarks.breakdown", name, request, threads))


def measure(name: str, work: Work, compiled: bool, seconds: float) -> Breakdown:
    """The same of any work, in this process."""
    with tempfile.TemporaryDirectory() as runs:
        settings = config(work, runs, COMPILED if compiled else ())
        torch.set_num_threads(work.threads)
        trainers = [Trainer(settings, lambda _: None) for _ in range(2)]
        stopwatch = Stopwatch(rest=_PYTHON, whole=frozenset({_AUDIT}))
        _wrap(stopwatch, trainers[0], compiled)
        for trainer in trainers:
            trainer.begin()
            trainer.advance(settings.random_steps + _FIRST_STEPS)
        slices = _slices(trainers[1], seconds)
        stopwatch.seconds.clear()
        times: list[tuple[float, float]] = []
        steps = 0
        for window in range(_WINDOWS):
            taken = [0.0, 0.0]
            for _ in range(slices):
                # Each goes first in every other window.
                for which in (0, 1) if window % 2 else (1, 0):
                    began = time.perf_counter()
                    stopwatch.start()
                    trainers[which].advance(trainers[which].step + _SLICE)
                    if which == 0:
                        stopwatch.stop()
                    taken[which] += time.perf_counter() - began
            times.append((taken[0], taken[1]))
            steps += slices * _SLICE
        for trainer in trainers:
            trainer.close()
    parts = {part: 1e6 * spent / steps for part, spent in stopwatch.seconds.items()}
    plain = median(without for _, without in times) / (slices * _SLICE)
    added = median(timed / without for timed, without in times) - 1
    products = torch_products(work, seconds / 10)
    return Breakdown(name, parts, products, 1e6 * plain, added)


def _slices(trainer: Trainer, seconds: float) -> int:
    """Turns of a window, so that all windows of both trainings take about `seconds`."""
    began = time.perf_counter()
    trainer.advance(trainer.step + _SLICE)
    return max(1, int(seconds / (2 * _WINDOWS) / (time.perf_counter() - began)))


def _wrap(stopwatch: Stopwatch, trainer: Trainer, compiled: bool) -> None:
    """Let `stopwatch` see the parts of a step of `trainer`."""
    agent = trainer.agent
    parts: list[tuple[object, str, str]] = [
        (trainer.environments, "step", "environment"),
        (trainer.replay, "add", "replay"),
        (trainer.replay, "sample", "replay"),
        (agent, "act", "acting"),
        (trainer.noise, "sample", "noise"),
        (trainer.window, "append", "logging"),
        (trainer.tracker, "add", "logging"),
        (trainer.tracker, "write", "logging"),
        (trainer, "_log_window", "logging"),
        (trainer, "_audit", _AUDIT),
        (trainer, "_learn", _WHOLE_UPDATE if compiled else _UPDATE),
    ]
    if not compiled:
        parts += [(agent, "update_targets", "Polyak")]
        for update in ("critic", "actor"):
            stop, optimizer = (
                getattr(agent, f"{update}_stop"),
                getattr(agent, f"{update}_optimizer"),
            )
            parts += [
                (agent, f"{update}_loss", "forward"),
                (stop, "clear_gradients", "backward"),
                (stop, "backward", "backward"),
                (optimizer, "step", "optimizer"),
            ]
    for owner, method, part in parts:
        stopwatch.wrap(owner, method, part)


def breakdown_table(breakdowns: Sequence[Breakdown]) -> Table:
    """A column a case: microseconds of a step by part, and the share of the step."""
    names = list(dict.fromkeys(part for each in breakdowns for part in each.parts))
    rows = []
    for part in names:
        row = [part]
        for each in breakdowns:
            spent = each.parts.get(part)
            total = sum(each.parts.values())
            row.append("" if spent is None else f"{spent:,.0f} ({100 * spent / total:.0f} %)")
        rows.append(row)
    totals = [f"{sum(each.parts.values()):,.0f}" for each in breakdowns]
    rows.append(["a step with the stopwatch", *totals])
    rows.append(["a step without it", *[f"{each.plain:,.0f}" for each in breakdowns]])
    products = [
        f"{each.products:,.0f} ({100 * each.products / each.plain:.0f} %)" for each in breakdowns
    ]
    rows.append(["of which bare matrix products", *products])
    rows.append(["the stopwatch adds", *[f"{100 * each.added:.1f} %" for each in breakdowns]])
    columns = ["µs a step", *[each.name for each in breakdowns]]
    return Table("profile", "Where a step's time goes", columns, rows)


if __name__ == "__main__":
    _request = json.loads(sys.argv[1])
    hold_to(_request["cores"])
    _case = CASES[_request["case"]]
    _work = replace(_case.work, threads=_request["threads"])
    print(json.dumps(asdict(measure(_request["case"], _work, _case.compiled, _request["seconds"]))))
