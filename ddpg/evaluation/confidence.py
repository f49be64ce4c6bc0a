"""95 % intervals by rliable's stratified bootstrap (Agarwal et al. 2021, arXiv:2108.13264)."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPETITIONS = 2_000


def bootstrap_interval(
    scores: Any, statistic: Callable[..., NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return a statistic of `scores` and its interval; equal calls return equal intervals.

    Args:
        scores: `[member, task, ...]`, or a tuple of such arrays, whose members are drawn
            independently. Each element is drawn from its own column.
        statistic: function of the array, or of each array of the tuple, to `[figure]`.

    Returns:
        The statistic, the lower and the upper bounds, each `[figure]`.
    """
    # rliable imports seaborn and pandas, which takes seconds.
    from rliable import library

    with warnings.catch_warnings(), _fixed_global_seed():
        # rliable calls arch with a deprecated argument.
        warnings.simplefilter("ignore", FutureWarning)
        points, intervals = library.get_interval_estimates(
            {"all": scores}, statistic, reps=REPETITIONS
        )
    return points["all"], intervals["all"][0], intervals["all"][1]


@contextmanager
def _fixed_global_seed() -> Iterator[None]:
    """Context manager: NumPy's global generator has a fixed seed.

    rliable 1.2 draws from it, whatever its argument `random_state` is.
    """
    state = np.random.get_state()  # noqa: NPY002 (rliable uses this generator)
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
