"""How long the crossing takes under stops that do the same, measured against each other."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ddpg.stops import Crossing, Stop, build
from ddpg.tutorial.claims.cutting import INPUTS, perceptron, saved_upstream

WIDTHS = (16, 64, 256, 1024)
BATCHES = (1, 64, 256)
ROUNDS = 61
# One measured stretch is at least this long, so that the clock's own cost does not show.
STRETCH_SECONDS = 1e-3
_BOOTSTRAPS = 2_000

Runs = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Comparison:
    """One thing against another at one size, in pairs from the same rounds.

    Attributes:
        what: what was timed.
        saved: bytes that each saves for a backward pass while L1 runs.
        ratio: median over the rounds of time / time of the other.
        low: lower end of the 99 % bootstrap interval of that median.
        high: its upper end.
        quartiles: of the ratio over the rounds: the spread.
        noise: how far from 1 the same median came out for the other one against itself.
        microseconds: median time of each.
    """

    what: str
    width: int
    batch: int
    ratio: float
    low: float
    high: float
    quartiles: tuple[float, float]
    noise: float
    microseconds: tuple[float, float]
    saved: tuple[int, int]

    @property
    def verdict(self) -> str:
        """`faster` or `slower` where both the interval and the control say so."""
        if abs(self.ratio - 1) <= self.noise or self.low <= 1 <= self.high:
            return "can't be told"
        return "faster" if self.ratio < 1 else "slower"


def no_grad_against_detach() -> list[Comparison]:
    """The crossing alone, then a whole update, over widths and batch sizes."""
    return [
        _compared(what, width, batch, runs, "no_grad", "detach")
        for what, make in (("crossing", _crossing), ("update", _update))
        for width in WIDTHS
        for batch in BATCHES
        for runs in [make(width, batch, ("no_grad", "detach"))]
    ]


def inference_against_no_grad() -> list[Comparison]:
    """The bare modes, then the crossing (with its clone), then a whole update."""
    return [
        _compared(what, width, batch, runs, "inference", "no_grad")
        for what, make in (("mode alone", _modes), ("crossing", _crossing), ("update", _update))
        for width in WIDTHS
        for batch in BATCHES
        for runs in [make(width, batch, ("inference", "no_grad"))]
    ]


def _compared(what: str, width: int, batch: int, runs: Runs, one: str, other: str) -> Comparison:
    seconds = _interleaved({one: runs[one], other: runs[other], "again": runs[other]})
    ratios = seconds[one] / seconds[other]
    low, high = _interval(ratios)
    return Comparison(
        what,
        width,
        batch,
        float(np.median(ratios)),
        low,
        high,
        (float(np.quantile(ratios, 0.25)), float(np.quantile(ratios, 0.75))),
        abs(float(np.median(seconds["again"] / seconds[other])) - 1),
        (float(np.median(seconds[one])) * 1e6, float(np.median(seconds[other])) * 1e6),
        (saved_upstream(one, width, batch).bytes, saved_upstream(other, width, batch).bytes),
    )


def _interleaved(runs: Runs) -> dict[str, NDArray[np.float64]]:
    """Seconds a call `[round]`, each round all of them in an order of its own."""
    generator = np.random.default_rng(0)
    names = list(runs)
    for run in runs.values():
        _stretch(run, 3)
    calls = max(1, round(STRETCH_SECONDS / _stretch(runs[names[0]], 3)))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for index in generator.permutation(len(names)):
            seconds[names[index]].append(_stretch(runs[names[index]], calls))
    return {name: np.array(values) for name, values in seconds.items()}


def _stretch(run: Callable[[], object], calls: int) -> float:
    # This thread's own time: on a shared machine the clock on the wall tells of the neighbours.
    started = time.thread_time()
    for _ in range(calls):
        run()
    return (time.thread_time() - started) / calls


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    draws = generator.choice(values, size=(_BOOTSTRAPS, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), (0.005, 0.995))
    return float(low), float(high)


def _crossing(width: int, batch: int, names: tuple[str, ...]) -> Runs:
    l1, l2, inputs = perceptron(width), nn.Linear(width, 1), torch.ones(batch, INPUTS)
    stops = {name: build(name, Crossing.UPSTREAM, {"L2": l2}, {"L1": l1}) for name in names}
    return {name: lambda stop=stop: stop.through(l1, inputs) for name, stop in stops.items()}


def _update(width: int, batch: int, names: tuple[str, ...]) -> Runs:
    # The same layers for all: where in memory a weight lies can cost more than a stop.
    l1, l2, inputs = perceptron(width), nn.Linear(width, 1), torch.ones(batch, INPUTS)
    stops = {name: build(name, Crossing.UPSTREAM, {"L2": l2}, {"L1": l1}) for name in names}
    optimizer = torch.optim.SGD(l2.parameters(), lr=1e-6)

    def update(stop: Stop) -> None:
        stop.clear_gradients()
        stop.backward(l2(stop.through(l1, inputs)).square().mean())
        optimizer.step()

    return {name: lambda stop=stop: update(stop) for name, stop in stops.items()}


def _modes(width: int, batch: int, names: tuple[str, ...]) -> Runs:
    l1, inputs = perceptron(width), torch.ones(batch, INPUTS)
    modes = {"inference": torch.inference_mode, "no_grad": torch.no_grad}

    def run(name: str) -> None:
        with modes[name]():
            l1(inputs)

    return {name: lambda name=name: run(name) for name in names}
