"""Timings of stops with the same effect, measured against each other."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ddpg.stops import Crossing, Stop, build
from ddpg.tutorial.claims.detach_and_no_grad import INPUTS, perceptron, saved_upstream

WIDTHS = (16, 64, 256, 1024)
BATCHES = (1, 64, 256)
ROUNDS = 61
VERDICTS = ("faster", "slower", "undecided")
# Long enough that the cost of reading the clock does not show.
MEASUREMENT_SECONDS = 1e-3
_BOOTSTRAPS = 2_000

Candidates = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class StopTiming:
    """Times of two stops at one size, in pairs from the same rounds.

    Attributes:
        operation: the timed code.
        ratio: median over the rounds of first time / second time.
        low: lower end of the 99 % bootstrap interval of that median.
        high: upper end of the interval.
        quartiles: of the ratio over the rounds.
        noise: distance from 1 of the same median for the second stop against itself.
        microseconds: median time of each stop.
        saved: bytes that each stop saves for a backward pass while L1 runs.
    """

    operation: str
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
        """One of `VERDICTS`, for the first stop; undecided within noise or interval."""
        if abs(self.ratio - 1) <= self.noise or self.low <= 1 <= self.high:
            return "undecided"
        return "faster" if self.ratio < 1 else "slower"


def no_grad_against_detach() -> list[StopTiming]:
    """Time the crossing alone, then a whole update, over widths and batch sizes."""
    return [
        _compare(operation, width, batch, candidates, "no_grad", "detach")
        for operation, make in (("crossing", _crossing), ("update", _update))
        for width in WIDTHS
        for batch in BATCHES
        for candidates in [make(width, batch, ("no_grad", "detach"))]
    ]


def inference_against_no_grad() -> list[StopTiming]:
    """Time the modes alone, then the crossing (with its clone), then a whole update."""
    operations = (("mode alone", _modes), ("crossing", _crossing), ("update", _update))
    return [
        _compare(operation, width, batch, candidates, "inference", "no_grad")
        for operation, make in operations
        for width in WIDTHS
        for batch in BATCHES
        for candidates in [make(width, batch, ("inference", "no_grad"))]
    ]


def _compare(
    operation: str, width: int, batch: int, candidates: Candidates, first: str, second: str
) -> StopTiming:
    seconds = _interleave(
        {first: candidates[first], second: candidates[second], "again": candidates[second]}
    )
    ratios = seconds[first] / seconds[second]
    low, high = _interval(ratios)
    return StopTiming(
        operation,
        width,
        batch,
        float(np.median(ratios)),
        low,
        high,
        (float(np.quantile(ratios, 0.25)), float(np.quantile(ratios, 0.75))),
        abs(float(np.median(seconds["again"] / seconds[second])) - 1),
        (float(np.median(seconds[first])) * 1e6, float(np.median(seconds[second])) * 1e6),
        (saved_upstream(first, width, batch).bytes, saved_upstream(second, width, batch).bytes),
    )


def _interleave(candidates: Candidates) -> dict[str, NDArray[np.float64]]:
    """Return seconds per call `[round]`; each round runs all candidates in random order."""
    generator = np.random.default_rng(0)
    names = list(candidates)
    for run in candidates.values():
        _seconds_per_call(run, 3)
    calls = max(1, round(MEASUREMENT_SECONDS / _seconds_per_call(candidates[names[0]], 3)))
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for index in generator.permutation(len(names)):
            seconds[names[index]].append(_seconds_per_call(candidates[names[index]], calls))
    return {name: np.array(values) for name, values in seconds.items()}


def _seconds_per_call(run: Callable[[], object], calls: int) -> float:
    # Thread time: wall time would include other processes on a shared machine.
    started = time.thread_time()
    for _ in range(calls):
        run()
    return (time.thread_time() - started) / calls


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    draws = generator.choice(values, size=(_BOOTSTRAPS, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), (0.005, 0.995))
    return float(low), float(high)


def _crossing(width: int, batch: int, names: tuple[str, ...]) -> Candidates:
    l1, l2, inputs = perceptron(width), nn.Linear(width, 1), torch.ones(batch, INPUTS)
    stops = {name: build(name, Crossing.UPSTREAM, {"L2": l2}, {"L1": l1}) for name in names}
    return {name: lambda stop=stop: stop.through(l1, inputs) for name, stop in stops.items()}


def _update(width: int, batch: int, names: tuple[str, ...]) -> Candidates:
    # The candidates share the layers: a weight's address can matter more than the stop.
    l1, l2, inputs = perceptron(width), nn.Linear(width, 1), torch.ones(batch, INPUTS)
    stops = {name: build(name, Crossing.UPSTREAM, {"L2": l2}, {"L1": l1}) for name in names}
    optimizer = torch.optim.SGD(l2.parameters(), lr=1e-6)

    def update(stop: Stop) -> None:
        stop.clear_gradients()
        stop.backward(l2(stop.through(l1, inputs)).square().mean())
        optimizer.step()

    return {name: lambda stop=stop: update(stop) for name, stop in stops.items()}


def _modes(width: int, batch: int, names: tuple[str, ...]) -> Candidates:
    l1, inputs = perceptron(width), torch.ones(batch, INPUTS)
    modes = {"inference": torch.inference_mode, "no_grad": torch.no_grad}

    def run(name: str) -> None:
        with modes[name]():
            l1(inputs)

    return {name: lambda name=name: run(name) for name in names}
