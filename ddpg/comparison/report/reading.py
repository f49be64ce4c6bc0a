"""Runs of a folder, read completely; a run that cannot be is skipped with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.folder import ERROR_FILE, PLAN_FILE
from ddpg.comparison.stop_warnings import ignore_stop_warnings
from ddpg.config.settings import Config
from ddpg.config.yaml_file import read_settings
from ddpg.errors import BrokenRunError, ConfigError
from ddpg.runs.csv_log import parse_value, read_rows
from ddpg.runs.files import read_regular
from ddpg.runs.folder import RunFolder
from ddpg.runs.tags import (
    LOSS_ACTOR,
    LOSS_CRITIC,
    RETURN_EVALUATION,
    SEPARATION,
    VALUE_Q,
    VALUE_TARGET,
)

PICTURES = "pictures"
SUMMARY = "summary"
REPORT_FOLDERS = {PICTURES, SUMMARY}
"""Folders that a report writes beside the runs."""

_REQUIRED_TAGS = (RETURN_EVALUATION, LOSS_CRITIC, LOSS_ACTOR, VALUE_Q, VALUE_TARGET)


class Series(NamedTuple):
    """Points of one tag of one run or variant."""

    steps: NDArray[np.int64]
    """Environment steps of one member, `[point]`."""
    values: NDArray[np.float64]
    """`[member, point]`; NaN where a member has no value."""


@dataclass(frozen=True)
class FinishedRun:
    """One complete run."""

    name: str
    config: Config
    series: dict[str, Series]
    """Tag -> points; tags without points are not included."""

    @property
    def seeds(self) -> list[int]:
        """One seed per member."""
        return [self.config.seed + member for member in range(self.config.members)]


class SkippedRun(NamedTuple):
    """Folder that is not in the report, with the reason."""

    name: str
    reason: str


def read_folder(folder: Path) -> tuple[list[FinishedRun], list[SkippedRun]]:
    """Return the complete runs in `folder`, in the order of their names, and the skipped ones.

    Raises:
        ConfigError: the folder does not exist, or has no run folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"cannot report {str(folder)!r}: the folder does not exist")
    run_folders = sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and path.name not in REPORT_FOLDERS and not path.name.startswith(".")
    )
    planned = _planned_names(folder)
    if not run_folders and not planned:
        raise ConfigError(f"cannot report {str(folder)!r}: it has no run folders")
    runs: list[FinishedRun] = []
    skipped: list[SkippedRun] = []
    for path in run_folders:
        try:
            runs.append(read_run(path))
        except BrokenRunError as error:
            skipped.append(SkippedRun(path.name, f"{error}{_stored_error(path)}"))
    skipped += [
        SkippedRun(name, "it is planned but was never started")
        for name in planned
        if not (folder / name).is_dir()
    ]
    return runs, skipped


def _stored_error(run_folder: Path) -> str:
    """Return `; <error>` if the runner stored why the run was given up, else an empty string."""
    try:
        words = read_regular(run_folder / ERROR_FILE).decode(errors="replace").split()
    except OSError:
        return ""
    return f"; {' '.join(words)}" if words else ""


def _planned_names(folder: Path) -> list[str]:
    """Return the names of the runs in the stored plan, if there is one."""
    file = folder / PLAN_FILE
    if not file.is_file():
        return []
    try:
        return [task["name"] for task in read_settings(file)["tasks"]]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"cannot read {file}: it has no list of tasks with names") from error


def read_run(path: Path) -> FinishedRun:
    """Read the run in `path`.

    Raises:
        BrokenRunError: it is incomplete.
    """
    folder = RunFolder(path)
    try:
        names = {each.name for each in path.iterdir()}
    except OSError as error:
        raise BrokenRunError(f"it cannot be read: {error.strerror}") from error
    if not names:
        raise BrokenRunError("the folder is empty")
    if folder.config_file.name not in names:
        raise BrokenRunError("it has no config.yaml")
    try:
        with ignore_stop_warnings():
            config = folder.stored_config()
    except ConfigError as error:
        reason = str(error).replace(str(folder.config_file), "config.yaml")
        raise BrokenRunError(reason) from error
    if folder.metrics_file.name not in names:
        raise BrokenRunError("it has no metrics.csv")
    try:
        run = FinishedRun(path.name, config, _read_metrics(folder.metrics_file, config.members))
    except ConfigError as error:
        reason = str(error).replace(str(folder.metrics_file), "metrics.csv")
        raise BrokenRunError(reason) from error
    _require_complete(run)
    return run


def _read_metrics(path: Path, members: int) -> dict[str, Series]:
    tags, rows = read_rows(path, _REQUIRED_TAGS, members)
    points: dict[str, dict[int, NDArray[np.float64]]] = {tag: {} for tag in tags}
    for row in rows:
        for tag in row.values:
            values = points[tag].setdefault(row.step, np.full(members, np.nan))
            # The squares of a large gradient can overflow, and then its norm has no value.
            if not (tag.startswith(SEPARATION) and row.values[tag] == "inf"):
                values[row.member] = parse_value(path, row, tag)
    return {tag: _series(by_step) for tag, by_step in points.items() if by_step}


def _series(by_step: dict[int, NDArray[np.float64]]) -> Series:
    steps = sorted(by_step)
    return Series(np.array(steps), np.stack([by_step[step] for step in steps], axis=1))


def _require_complete(run: FinishedRun) -> None:
    """Raise a BrokenRunError unless every member has every evaluation up to the last step."""
    every, steps = run.config.evaluation_every, run.config.steps
    if not every or steps < every:
        raise BrokenRunError(
            f"it was never evaluated: evaluation_every is {every:,} and steps is {steps:,}"
        )
    if RETURN_EVALUATION not in run.series:
        raise BrokenRunError("it ends before its first evaluation")
    evaluations = run.series[RETURN_EVALUATION]
    present = ~np.isnan(evaluations.values)
    missing_members = np.flatnonzero(~present[:, -1])
    if run.config.on_divergence == "drop_member" and 0 < len(missing_members) < len(present):
        member = missing_members[0]
        raise BrokenRunError(
            f"member {member} (seed {run.seeds[member]}) was dropped before step "
            f"{evaluations.steps[-1]:,}, and the scores of the other members would be optimistic"
        )
    complete = present.all(axis=0)
    last = int(evaluations.steps[complete][-1]) if complete.any() else 0
    if last < steps // every * every:
        raise BrokenRunError(f"it is incomplete: evaluated up to step {last:,} of {steps:,}")
    if not complete.all():
        missing_step = int(evaluations.steps[~complete][0])
        raise BrokenRunError(f"a member has no evaluation at step {missing_step:,}")


def merge_series(series: Sequence[Series]) -> Series:
    """Concatenate the members of several runs, at the steps that all runs have."""
    steps = series[0].steps
    for each in series[1:]:
        steps = np.intersect1d(steps, each.steps)
    return Series(
        steps, np.concatenate([each.values[:, np.isin(each.steps, steps)] for each in series])
    )
