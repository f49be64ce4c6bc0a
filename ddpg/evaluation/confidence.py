"""95 % intervals by rliable's stratified bootstrap (Agarwal et al. 2021, arXiv:2108.13264)."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPETITIONS = 2_000


def bootstrap(
    scores: Any, statistic: Callable[..., NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The statistic of `scores` and the bounds of its interval, the same at every call.

    Args:
        scores: `[member, task, ...]`, or several of them, whose members are drawn apart. Each
            element is drawn by itself from its own column.
        statistic: of the scores, or of each of the several: `[figure]`.

    Returns:
        The statistic, the lower and the upper bounds, each `[figure]`.
    """
    # rliable brings seaborn and pandas along, which nothing else need wait for.
    from rliable import library

    with warnings.catch_warnings(), _same_draws():
        # rliable hands the state on under the name that arch has begun to deprecate.
        warnings.simplefilter("ignore", FutureWarning)
        points, intervals = library.get_interval_estimates(
            {"all": scores}, statistic, reps=REPETITIONS
        )
    return points["all"], intervals["all"][0], intervals["all"][1]


@contextmanager
def _same_draws() -> Iterator[None]:
    """Fix NumPy's global generator for a while.

    rliable 1.2 draws from it whatever `random_state` it is given.
    """
    state = np.random.get_state()  # noqa: NPY002 (the generator is rliable's choice)
    np.random.seed(0)  # noqa: NPY002 (likewise)
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002 (likewise)
