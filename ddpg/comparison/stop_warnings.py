"""Suppression of warnings that the reader of a comparison has already seen."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ddpg.stops import StopWarning


@contextmanager
def ignore_stop_warnings() -> Iterator[None]:
    """Context manager: ignore StopWarning; the plan or the training has already issued it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StopWarning)
        yield
