"""Cost of an audit: in bare updates of a [256, 256] DDPG at batch 256, and in a training.

The compared operations take turns in one process, so that a busy machine slows all of them.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles

import torch

from benchmarks.report.tables import MeasuredTable
from benchmarks.timing.stopwatch import read_clocks
from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.isolation import audit
from ddpg.isolation.contracts import ours
from ddpg.replay import Batch
from ddpg.training import separation
from ddpg.training.loop import Trainer

_SLICE = 10
"""Environment steps per turn of a training."""
_OBSERVATION_DIM, _ACTION_DIM, _BATCH = 17, 6, 256


@dataclass(frozen=True)
class AuditCost:
    """Time of one kind of operation."""

    name: str
    milliseconds: float
    """Median."""
    bare_updates: float
    """Ratio to the median of a bare update."""


@dataclass(frozen=True)
class AuditSlowdown:
    """Time of a training with audits over one without, by one clock."""

    clock: str
    milliseconds_unaudited: float
    """Median per step without audits."""
    quartiles: tuple[float, float, float]
    """Of the ratios per window, with audits over without."""
    ratio: float
    """Of the medians over the windows."""


def measure_slowdowns(windows: int) -> list[AuditSlowdown]:
    """Time a default training with audits and one without, by wall clock and processor time.

    A window is `separation_every` environment steps with one update each, so it has one audit. The
    two trainings take turns of `_SLICE` steps. They have the same weights at every step.

    Args:
        windows: number of windows per training, at least 2.
    """
    every = Config().separation_every
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as runs:
        trainers = [_trainer(runs, separation_every) for separation_every in (every, 0)]
        first = trainers[0].config.random_steps + every
        for trainer in trainers:
            trainer.begin()
            trainer.advance(first)
        seconds = [
            _time_window(trainers, first + window * every, every, unaudited_first=bool(window % 2))
            for window in range(windows)
        ]
        for trainer in trainers:
            trainer.close()
    return [
        _slowdown(clock, [each[0][clock] for each in seconds], [each[1][clock] for each in seconds])
        for clock in read_clocks()
    ]


def _trainer(runs: str, separation_every: int) -> Trainer:
    config = Config(
        steps=10**9,
        separation_every=separation_every,
        evaluation_every=0,
        checkpoint_every=0,
        runs=runs,
    )
    return Trainer(config, report=lambda _: None)


def _time_window(
    trainers: list[Trainer], start: int, steps: int, unaudited_first: bool
) -> list[dict[str, float]]:
    """Advance both trainings from step `start` in turns; return the seconds of each, by clock."""
    seconds = [dict.fromkeys(read_clocks(), 0.0) for _ in trainers]
    for last in range(start + _SLICE, start + steps + 1, _SLICE):
        for which in (1, 0) if unaudited_first else (0, 1):
            before = read_clocks()
            trainers[which].advance(last)
            for clock, now in read_clocks().items():
                seconds[which][clock] += now - before[clock]
    return seconds


def _slowdown(clock: str, audited: list[float], unaudited: list[float]) -> AuditSlowdown:
    ratios = [one / other for one, other in zip(audited, unaudited, strict=True)]
    low, middle, high = quantiles(ratios, method="inclusive")
    base = median(unaudited)
    milliseconds = 1e3 * base / Config().separation_every
    return AuditSlowdown(clock, milliseconds, (low, middle, high), median(audited) / base)


def measure_audit_costs(turns: int) -> list[AuditCost]:
    """Time bare updates and audits, `turns` times each, in turns."""
    protected, leaky = (_operations(stop) for stop in ("no_grad+optimizer", "none"))
    kinds: dict[str, Callable[[], object]] = {
        "bare update": protected["update"],
        "light, one round (training)": protected["light"],
        "full, one round": protected["full"],
        "full, two rounds (default)": protected["default"],
        "full, two rounds, with a leak": leaky["default"],
    }
    return time_in_turns(kinds, turns)


def time_in_turns(kinds: Mapping[str, Callable[[], object]], turns: int) -> list[AuditCost]:
    """Time operations on one thread, in turns; the first is a bare update."""
    times: dict[str, list[float]] = {name: [] for name in kinds}
    torch.set_num_threads(1)
    for _ in range(turns):
        for name, run in kinds.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: median(seconds) for name, seconds in times.items()}
    base = next(iter(medians.values()))
    return [AuditCost(name, 1e3 * middle, middle / base) for name, middle in medians.items()]


def _operations(stop: str) -> dict[str, Callable[[], object]]:
    """Return the operations to time, by name, for an agent with the critic's stop `stop`."""
    config = Config(hidden=(256, 256), stop=stop)
    generators = [torch.Generator().manual_seed(0)]
    agent = DDPG(config, _OBSERVATION_DIM, _ACTION_DIM, generators, torch.device("cpu"))
    batch = Batch.random(1, _BATCH, _OBSERVATION_DIM, _ACTION_DIM)
    contract, named = ours.contract(agent), ours.updates(agent, batch)
    updates = {name: named[name] for name in separation.UPDATES}
    return {
        "update": partial(agent.update, batch),
        "light": partial(separation.measure, agent, batch),
        "full": partial(audit, contract, updates, rounds=1),
        "default": partial(audit, contract, updates),
    }


def audit_cost_table(costs: Sequence[AuditCost]) -> MeasuredTable:
    """Return one row per kind of operation."""
    rows = [[cost.name, f"{cost.milliseconds:.1f}", f"{cost.bare_updates:.1f}"] for cost in costs]
    title = "Cost of an audit: [256, 256], batch 256"
    return MeasuredTable("audit", title, ["operation", "milliseconds", "bare updates"], rows)


def slowdown_table(slowdowns: Sequence[AuditSlowdown]) -> MeasuredTable:
    """Return one row per clock: time of a training with audits over one without."""
    rows = [
        [
            each.clock,
            f"{each.milliseconds_unaudited:.2f}",
            f"{each.ratio:.4f}",
            " ".join(f"{quartile:.4f}" for quartile in each.quartiles),
        ]
        for each in slowdowns
    ]
    columns = [
        "clock",
        "ms per step without audits",
        "ratio of medians",
        "quartiles of the ratios per window",
    ]
    return MeasuredTable("audit-training", "Training with audits over one without", columns, rows)
