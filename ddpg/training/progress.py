"""Progress and result of a training run, as its caller sees them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    values: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    """Tag of each curve (`loss/critic`, `separation/critic_update/actor/grade`) -> its newest value
    since the start or resumption, `[member]`; NaN where a member has none."""
    activity: str = ""
    """The activity that delays the next step; empty while steps are taken."""


@dataclass(frozen=True)
class TrainingResult:
    """Result of `train`."""

    folder: Path
    step: int
    """Environment steps of one member."""
    finished: bool
    """False if the run was interrupted or ended early; it can be resumed."""
    signal: int | None
    """Number of the signal that interrupted it, or None."""
    returns: NDArray[np.float64] | None
    """Mean return per member in the last evaluation, `[member]`; None without an evaluation, NaN
    for a dropped member."""
    agent: DDPG
    early: str = ""
    """Reason to end before the last step: `stop_at_return`, or the caller; empty without one."""


Report = Callable[[Progress], object]
"""Function of the progress of a run. If it returns True, the run ends, as after Ctrl-C."""


def report_to(*reports: Report | None) -> Callable[[Progress], bool]:
    """Return a function that calls each of `reports` that is not None.

    It returns True if one of them does.
    """
    given = [report for report in reports if report is not None]
    return lambda progress: True in [each(progress) is True for each in given]
