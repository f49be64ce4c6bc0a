"""The runs of a folder, read back whole, and those that cannot be, by name and reason."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.config.yaml_file import read_settings
from ddpg.errors import BrokenRunError, ConfigError
from ddpg.runs.csv_log import number, read_rows
from ddpg.runs.folder import RunFolder
from ddpg.runs.tracking import LOSS_ACTOR, LOSS_CRITIC, RETURN_EVALUATION, VALUE_Q, VALUE_TARGET
from ddpg.stops import StopWarning

PICTURES = "pictures"
SUMMARY = "summary"
_OURS = {PICTURES, SUMMARY}
"""Folders that a report writes beside the runs."""

_NEEDED = (RETURN_EVALUATION, LOSS_CRITIC, LOSS_ACTOR, VALUE_Q, VALUE_TARGET)


class Series(NamedTuple):
    """One tag of one run or variant."""

    steps: NDArray[np.int64]
    """`[point]`: environment steps of one member."""
    values: NDArray[np.float64]
    """`[member, point]`; NaN where a member has no value."""


@dataclass(frozen=True)
class Run:
    """One run folder, finished."""

    name: str
    config: Config
    series: dict[str, Series]
    """By tag; a tag without a point is not in it."""

    @property
    def seeds(self) -> list[int]:
        """One a member."""
        return [self.config.seed + member for member in range(self.config.members)]


class Broken(NamedTuple):
    """A folder that is left out of the report."""

    name: str
    reason: str


@contextmanager
def already_warned() -> Iterator[None]:
    """No warnings of stops that cannot train: whoever trained with them has been warned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StopWarning)
        yield


def read_folder(folder: Path) -> tuple[list[Run], list[Broken]]:
    """Every run in `folder`, in the order of their names, and what is left out.

    Raises:
        ConfigError: there is no such folder, or nothing in it that could be a run.
    """
    if not folder.is_dir():
        raise ConfigError(f"the folder of the comparison is {str(folder)!r}, which does not exist")
    places = sorted(
        place
        for place in folder.iterdir()
        if place.is_dir() and place.name not in _OURS and not place.name.startswith(".")
    )
    if not places and not _planned(folder):
        raise ConfigError(f"{folder} holds no run; allowed: a folder of run folders")
    runs: list[Run] = []
    broken: list[Broken] = []
    for place in places:
        try:
            runs.append(read_run(place))
        except BrokenRunError as error:
            broken.append(Broken(place.name, f"{error}{_given_up(place)}"))
    broken += [
        Broken(name, "it is planned, and was never begun")
        for name in _planned(folder)
        if not (folder / name).is_dir()
    ]
    return runs, broken


def _given_up(place: Path) -> str:
    """Why whoever ran the comparison gave a run up, if that is told."""
    file = place / "error.txt"
    told = (
        " ".join(file.read_text(encoding="utf-8", errors="replace").split())
        if file.is_file()
        else ""
    )
    return f"; {told}" if told else ""


def _planned(folder: Path) -> list[str]:
    """Names of the runs that `comparison.yaml` plans, if there is one."""
    file = folder / "comparison.yaml"
    if not file.is_file():
        return []
    try:
        return [task["name"] for task in read_settings(file)["tasks"]]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{file} is no comparison: it lists no tasks by name") from error


def read_run(place: Path) -> Run:
    """One run, if it is whole.

    Raises:
        BrokenRunError: it is not.
    """
    folder = RunFolder(place)
    if not any(place.iterdir()):
        raise BrokenRunError("the folder is empty")
    if not folder.config_file.is_file():
        raise BrokenRunError("it has no config.yaml")
    try:
        with already_warned():
            config = folder.stored_config()
    except ConfigError as error:
        reason = str(error).replace(str(folder.config_file), "config.yaml")
        raise BrokenRunError(reason) from error
    if not folder.metrics_file.is_file():
        raise BrokenRunError("it has no metrics.csv")
    try:
        run = Run(place.name, config, _read_metrics(folder.metrics_file, config.members))
    except ConfigError as error:
        reason = str(error).replace(str(folder.metrics_file), "metrics.csv")
        raise BrokenRunError(reason) from error
    _require_finished(run)
    return run


def _read_metrics(path: Path, members: int) -> dict[str, Series]:
    tags, rows = read_rows(path, _NEEDED, members)
    points: dict[str, dict[int, NDArray[np.float64]]] = {tag: {} for tag in tags}
    for row in rows:
        for tag in row.values:
            blank = np.full(members, np.nan)
            points[tag].setdefault(row.step, blank)[row.member] = number(path, row, tag)
    return {tag: _series(by_step) for tag, by_step in points.items() if by_step}


def _series(by_step: dict[int, NDArray[np.float64]]) -> Series:
    steps = sorted(by_step)
    return Series(np.array(steps), np.stack([by_step[step] for step in steps], axis=1))


def _require_finished(run: Run) -> None:
    """Raise a BrokenRunError unless every member was evaluated up to the run's last step."""
    every, steps = run.config.evaluation_every, run.config.steps
    if not every or steps < every:
        raise BrokenRunError(
            f"it was never evaluated: evaluation_every is {every:,}, and steps {steps:,}"
        )
    if RETURN_EVALUATION not in run.series:
        raise BrokenRunError("it ends before its first evaluation")
    evaluated = run.series[RETURN_EVALUATION]
    there = ~np.isnan(evaluated.values)
    lost = np.flatnonzero(~there[:, -1])
    if run.config.on_divergence == "drop_member" and 0 < len(lost) < len(there):
        raise BrokenRunError(
            f"member {lost[0]} (seed {run.seeds[lost[0]]}) was dropped before step "
            f"{evaluated.steps[-1]:,}, and figures of the others alone would flatter"
        )
    whole = there.all(axis=0)
    last = int(evaluated.steps[whole][-1]) if whole.any() else 0
    if last < steps // every * every:
        raise BrokenRunError(f"it is half-written: evaluated up to step {last:,} of {steps:,}")
    if not whole.all():
        missing = int(evaluated.steps[~whole][0])
        raise BrokenRunError(f"a member has no evaluation at step {missing:,}")


def merged(series: Sequence[Series]) -> Series:
    """Members of several runs side by side, at the steps that all of them have."""
    steps = series[0].steps
    for each in series[1:]:
        steps = np.intersect1d(steps, each.steps)
    return Series(
        steps, np.concatenate([each.values[:, np.isin(each.steps, steps)] for each in series])
    )
