"""Scores of members, interquartile means, probabilities of improvement and their intervals.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(arXiv:2108.13264). A section has one environment, so the bootstrap has one stratum.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.reading import Series
from ddpg.evaluation.confidence import Bounds, bootstrap_interval, interquartile_mean

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
        value, low, high = self.texts
        return f"{value} [{low}, {high}]"

    @property
    def texts(self) -> tuple[str, str, str]:
        """Value and bounds, rounded to two digits of the interval's width."""
        width = self.high - self.low
        if not (np.isfinite(width) and width > 0):
            return rounded(self.value), rounded(self.low), rounded(self.high)
        decimals = max(0, 1 - math.floor(math.log10(width)))
        value, low, high = (_signed(f"{each:.{decimals}f}") for each in self[:3])
        return value, low, high


class Probability(Estimate):
    """Probability with its 95 % interval."""

    @property
    def texts(self) -> tuple[str, str, str]:
        """Value and bounds with two decimals."""
        return f"{self.value:.2f}", f"{self.low:.2f}", f"{self.high:.2f}"


def rounded(value: float) -> str:
    """Return a number as text: whole from 100 on, else with three digits."""
    return _signed(f"{value:.0f}" if 100 <= abs(value) < np.inf else f"{value:.3g}")


def _signed(number: str) -> str:
    """Return the text of a number with a minus sign, and without one before zero."""
    return number.replace("-", "−" if float(number) else "", 1) if number[0] == "-" else number


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
    return Band(series.steps[complete], interquartile_mean(values), low, high, len(values))


def interquartile_means(values: NDArray[np.float64]) -> Bounds:
    """Return the interquartile mean of each column of `values` and its 95 % interval.

    Args:
        values: `[member, column]`.

    Returns:
        Means, lower and upper bounds, each `[column]`.
    """
    if values.shape[1] == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    return bootstrap_interval([values], interquartile_mean)


def probability_of_improvement(x: NDArray[np.float64], y: NDArray[np.float64]) -> Probability:
    """Return P(X > Y) of scores `[member]` with its 95 % interval; ties count half.

    The sample size of the estimate is the smaller group's.
    """

    def statistic(x: NDArray[np.float64], y: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
        difference = x[..., :, None] - y[..., None, :]
        return ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(-2, -1))

    value, low, high = bootstrap_interval([x, y], statistic)
    return Probability(float(value), float(low), float(high), min(len(x), len(y)))
