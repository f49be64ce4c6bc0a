"""What an audit costs: in bare updates of a [256, 256] DDPG at batch 256, and in a training.

What is compared takes turns in one process, so that a busy machine slows all of it.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median, quantiles

import torch

from benchmarks.tables import Table
from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.isolation import audit
from ddpg.isolation.contracts import ours
from ddpg.replay import Batch
from ddpg.training import separation
from ddpg.training.loop import Trainer

_SLICE = 10
"""Environment steps of one turn of a training."""
_OBSERVATION_DIM, _ACTION_DIM, _BATCH = 17, 6, 256


@dataclass(frozen=True)
class Cost:
    """What one kind of turn took."""

    name: str
    milliseconds: float
    """Median."""
    bare_updates: float
    """The same in medians of a bare update."""


@dataclass(frozen=True)
class Slowdown:
    """How much longer a training takes with audits, by one clock."""

    clock: str
    without: float
    """Median milliseconds of a step without audits."""
    quartiles: tuple[float, float, float]
    """Of the windows' ratios, with audits over without."""
    ratio: float
    """Of the medians of the windows."""


def training_slowdown(windows: int) -> list[Slowdown]:
    """Time a default training with audits beside one without, by the wall and by the processor.

    A window is `separation_every` environment steps with an update each, so that one audit falls
    into it; the two trainings take turns of `_SLICE` steps. Nothing else differs between them, and
    they go through the same weights.

    Args:
        windows: how many windows of each are compared, at least 2.
    """
    every = Config().separation_every
    clocks = {"wall": time.perf_counter, "processor": time.process_time}
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as runs:
        pair = [_trainer(runs, separation_every) for separation_every in (every, 0)]
        first = pair[0].config.random_steps + every
        for trainer in pair:
            trainer.begin()
            trainer.advance(first)
        taken = {clock: torch.zeros(len(pair), windows) for clock in clocks}
        for window in range(windows):
            start = first + window * every
            for last in range(start + _SLICE, start + every + 1, _SLICE):
                # Each goes first in every other window.
                for which in (0, 1) if window % 2 else (1, 0):
                    before = {name: clock() for name, clock in clocks.items()}
                    pair[which].advance(last)
                    for name, clock in clocks.items():
                        taken[name][which, window] += clock() - before[name]
        for trainer in pair:
            trainer.close()
    return [
        _slowdown(name, times[0].tolist(), times[1].tolist(), every)
        for name, times in taken.items()
    ]


def _slowdown(clock: str, audited: list[float], without: list[float], every: int) -> Slowdown:
    ratios = [one / other for one, other in zip(audited, without, strict=True)]
    low, middle, high = quantiles(ratios, method="inclusive")
    base = median(without)
    return Slowdown(clock, 1e3 * base / every, (low, middle, high), median(audited) / base)


def _trainer(runs: str, separation_every: int) -> Trainer:
    config = Config(
        steps=10**9,
        separation_every=separation_every,
        evaluation_every=0,
        checkpoint_every=0,
        runs=runs,
    )
    return Trainer(config, report=lambda _: None)


def audit_costs(turns: int) -> list[Cost]:
    """Time bare updates and audits, `turns` times each, in turns.

    Args:
        turns: how often each of them runs.
    """
    kept, leaky = (_turns(stop) for stop in ("no_grad+optimizer", "none"))
    kinds: dict[str, Callable[[], object]] = {
        "bare update": kept["update"],
        "light, one round (training)": kept["light"],
        "full, one round": kept["full"],
        "full, two rounds (default)": kept["default"],
        "full, two rounds, with a leak": leaky["default"],
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    torch.set_num_threads(1)
    for _ in range(turns):
        for name, run in kinds.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    base = median(times["bare update"])
    return [Cost(name, 1e3 * median(taken), median(taken) / base) for name, taken in times.items()]


def _turns(stop: str) -> dict[str, Callable[[], object]]:
    """What can be timed of an agent under `stop`."""
    config = Config(hidden=(256, 256), stop=stop)
    generators = [torch.Generator().manual_seed(0)]
    agent = DDPG(config, _OBSERVATION_DIM, _ACTION_DIM, generators, torch.device("cpu"))
    batch = Batch(
        observation=torch.randn(1, _BATCH, _OBSERVATION_DIM),
        action=torch.randn(1, _BATCH, _ACTION_DIM),
        reward=torch.randn(1, _BATCH, 1),
        next_observation=torch.randn(1, _BATCH, _OBSERVATION_DIM),
        terminated=torch.zeros(1, _BATCH, 1),
    )
    contract = ours.contract(agent)
    named = ours.updates(agent, batch)
    updates = {name: named[name] for name in separation.UPDATES}
    return {
        "update": partial(agent.update, batch),
        "light": partial(separation.measure, agent, batch),
        "full": partial(audit, contract, updates, rounds=1),
        "default": partial(audit, contract, updates),
    }


def audit_cost_table(costs: Sequence[Cost]) -> Table:
    """What an audit costs, a row a kind."""
    rows = [[cost.name, f"{cost.milliseconds:.1f}", f"{cost.bare_updates:.1f}"] for cost in costs]
    title = "The cost of an audit: [256, 256], batch 256"
    return Table("audit", title, ["turn", "milliseconds", "bare updates"], rows)


def slowdown_table(slowdowns: Sequence[Slowdown]) -> Table:
    """How much longer a training takes with audits, a row a clock."""
    rows = [
        [
            each.clock,
            f"{each.without:.2f}",
            f"{each.ratio:.4f}",
            " ".join(f"{quartile:.4f}" for quartile in each.quartiles),
        ]
        for each in slowdowns
    ]
    columns = ["clock", "ms a step without", "ratio of medians", "ratio of windows: quartiles"]
    return Table("audit-training", "A training with audits beside one without", columns, rows)
