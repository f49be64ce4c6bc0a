"""Scores of members, interquartile means, probabilities of improvement and their intervals.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(arXiv:2108.13264), by rliable. A section has one environment, so the bootstrap has one stratum.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.reading import Series
from ddpg.evaluation.confidence import bootstrap_interval

FINAL_EVALUATIONS = 3
"""Number of last evaluations whose mean is a member's final score."""


class Estimate(NamedTuple):
    """Number with its 95 % interval."""

    value: float
    low: float
    high: float
    members: int
    """Sample size."""

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


class Band(NamedTuple):
    """Curve of interquartile means with the bounds of its band, each `[point]`."""

    steps: NDArray[np.int64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    members: int


def final_scores(curve: Series) -> NDArray[np.float64]:
    """Return each member's mean over its last `FINAL_EVALUATIONS` evaluations, `[member]`."""
    return curve.values[:, -FINAL_EVALUATIONS:].mean(axis=1)


def areas(curve: Series) -> NDArray[np.float64]:
    """Return the trapezoidal area under each curve over its width, `[member]`: a mean return."""
    if len(curve.steps) == 1:
        return curve.values[:, 0]
    width = curve.steps[-1] - curve.steps[0]
    return np.trapezoid(curve.values, curve.steps, axis=1) / width


def quartile_band(series: Series) -> Band:
    """Return interquartile means and the members' quartiles, at points that all members have.

    Fast for any number of series, since it needs no bootstrap.
    """
    complete = ~np.isnan(series.values).any(axis=0)
    values = series.values[:, complete]
    low, high = np.quantile(values, (0.25, 0.75), axis=0)
    return Band(series.steps[complete], _interquartile_mean(values), low, high, len(values))


def interquartile_means(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the interquartile mean of each column of `values` and its 95 % interval.

    Args:
        values: `[member, column]`.

    Returns:
        Means, lower and upper bounds, each `[column]`.
    """
    if values.shape[1] == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    # One bootstrap for all columns, which rliable's `aggregate_iqm` does not support.
    return bootstrap_interval(values[:, None], lambda scores: _interquartile_mean(scores[:, 0]))


def _interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each column without its outer quarters, as SciPy's `trim_mean` does."""
    cut = len(values) // 4
    return np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)


def probability_of_improvement(x: NDArray[np.float64], y: NDArray[np.float64]) -> Estimate:
    """Return P(X > Y) of scores `[member]` with its 95 % interval; ties count half.

    The sample size of the estimate is the smaller group's.
    """

    # rliable's own statistic runs a significance test in each repetition, which takes seconds.
    def statistic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        difference = x[:, None, 0] - y[None, :, 0]
        return np.array([((difference > 0) + 0.5 * (difference == 0)).mean()])

    value, low, high = bootstrap_interval((x[:, None], y[:, None]), statistic)
    return Estimate(float(value[0]), float(low[0]), float(high[0]), min(len(x), len(y)))
