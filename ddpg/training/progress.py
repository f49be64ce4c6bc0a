"""Progress and result of a training run, as its caller sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ddpg.agent import DDPG


@dataclass(frozen=True)
class Progress:
    """State of a run at one moment, for a progress bar."""

    step: int
    steps: int
    returns: NDArray[np.float64] | None
    """Mean return per member in the last evaluation, `[member]`; None before the first."""
    separation: str
    """Summary of the last separation audit; empty before the first."""
    activity: str = ""
    """The activity that delays the next step; empty while steps are taken."""


@dataclass(frozen=True)
class TrainingResult:
    """Result of `train`."""

    folder: Path
    step: int
    """Environment steps of one member."""
    finished: bool
    """False if the run was interrupted; it can be resumed."""
    signal: int | None
    """Number of the signal that interrupted it, or None."""
    returns: NDArray[np.float64] | None
    """Mean return per member in the last evaluation, `[member]`; None without an evaluation, NaN
    for a dropped member."""
    agent: DDPG


def report_to(*reports: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
    """Return a function that calls each of `reports` that is not None."""

    def report(progress: Progress) -> None:
        for each in reports:
            if each is not None:
                each(progress)

    return report
