"""Interquartile means, probabilities of improvement, and their intervals, by rliable.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(arXiv:2108.13264). A section has one environment, so its bootstrap has one stratum.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.reading import Series
from ddpg.evaluation.confidence import bootstrap

FINAL_EVALUATIONS = 3
"""The final score is the mean over that many last evaluations of a member, or all if fewer."""


class Estimate(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    members: int
    """Behind the figure."""

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


class Band(NamedTuple):
    """A curve of interquartile means with its 95 % intervals, each `[point]`."""

    steps: NDArray[np.int64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    members: int


def final_scores(curve: Series) -> NDArray[np.float64]:
    """Each member's mean over its last `FINAL_EVALUATIONS` evaluations: `[member]`."""
    return curve.values[:, -FINAL_EVALUATIONS:].mean(axis=1)


def areas(curve: Series) -> NDArray[np.float64]:
    """Area under each member's curve by trapezoids, over its width: a mean return `[member]`."""
    if len(curve.steps) == 1:
        return curve.values[:, 0]
    width = curve.steps[-1] - curve.steps[0]
    return np.trapezoid(curve.values, curve.steps, axis=1) / width


def middle_half(series: Series) -> Band:
    """Interquartile means with the members' quartiles, at the points that all members have.

    It takes no bootstrap, so it is quick for any number of series.
    """
    whole = ~np.isnan(series.values).any(axis=0)
    values = series.values[:, whole]
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    return Band(series.steps[whole], _middle_mean(values), low, high, len(values))


def interquartile_means(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Interquartile mean of each column of `values` `[member, column]`, and its 95 % interval.

    Returns:
        Means, lower and upper bounds, each `[column]`.
    """
    if values.shape[1] == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    # All columns in one bootstrap, which rliable's `aggregate_iqm` could not do.
    return bootstrap(values[:, None], lambda scores: _middle_mean(scores[:, 0]))


def _middle_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each column without its lowest and highest quarter, as SciPy's `trim_mean`."""
    cut = len(values) // 4
    return np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)


def probability_of_improvement(x: NDArray[np.float64], y: NDArray[np.float64]) -> Estimate:
    """P(X > Y) of scores `[member]`, ties counting half, and its 95 % interval.

    `members` of the estimate are the smaller group's.
    """

    # rliable's own runs a test of significance at each of the repetitions, which takes seconds.
    def statistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        difference = x[:, None, 0] - y[None, :, 0]
        return np.array([((difference > 0) + 0.5 * (difference == 0)).mean()])

    value, low, high = bootstrap((x[:, None], y[:, None]), statistic)
    return Estimate(float(value[0]), float(low[0]), float(high[0]), min(len(x), len(y)))
