"""Interquartile means and 95 % bootstrap intervals (Agarwal et al. 2021, arXiv:2108.13264)."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpg.isolation.extras import require_extra

REPETITIONS = 2_000
_BATCH = 250
"""Repetitions that are computed together, which bounds the memory."""

Bounds = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""A statistic, its lower and its upper bounds."""


def has_scipy() -> bool:
    """Return whether interquartile means and intervals can be computed."""
    return find_spec("scipy") is not None


def interquartile_mean(values: NDArray[np.float64], axis: int = 0) -> Any:
    """Return the mean of the middle half of `values` along `axis`."""
    require_extra("report", "an interquartile mean", "scipy")
    # SciPy's statistics take most of a second to import.
    from scipy.stats import trim_mean

    return trim_mean(values, 0.25, axis=axis)


def bootstrap_interval(
    samples: Sequence[NDArray[np.float64]], statistic: Callable[..., NDArray[np.float64]]
) -> Bounds:
    """Return a statistic of `samples` and its interval; equal calls return equal intervals.

    The interval is that of the percentile bootstrap: members are drawn with replacement, from each
    sample independently, and the same members for all columns.

    Args:
        samples: arrays `[member, ...]`.
        statistic: function of the samples and of `axis`, along which the members are.
    """
    require_extra("report", "a bootstrap interval", "scipy")
    from scipy.stats import bootstrap

    value = np.asarray(statistic(*samples, axis=0))
    result = bootstrap(
        # SciPy refuses a sample of one member. Draws from two equal members are the same.
        [np.repeat(sample, 2, axis=0) if len(sample) == 1 else sample for sample in samples],
        statistic,
        n_resamples=REPETITIONS,
        batch=_BATCH,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return value, result.confidence_interval.low, result.confidence_interval.high
