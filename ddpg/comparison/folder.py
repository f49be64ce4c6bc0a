"""Folder of a comparison: `comparison.yaml`, and one run folder per task."""

import shutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from ddpg.comparison.plan import Plan, Task
from ddpg.config.yaml_file import read_settings, settings_text
from ddpg.errors import ConfigError, DivergenceError
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.files import atomic_folder, read_regular
from ddpg.runs.folder import RunFolder

PLAN_FILE = "comparison.yaml"
ERROR_FILE = "error.txt"
"""File of a run that was given up: one sentence with the reason."""

_MAY_CHANGE = ("name", "runs")


class TaskState(Enum):
    """State of a task's stored run."""

    NEW = "new"
    """It has no checkpoint."""
    RESUMABLE = "resumable"
    DONE = "done"
    DIVERGED = "diverged"
    """It would diverge again, so it is not retried."""


class ComparisonFolder:
    """Files of a comparison.

    Args:
        plan: the comparison.
    """

    def __init__(self, plan: Plan):
        self.path = Path(plan.runs) / plan.name
        self.plan_file = self.path / PLAN_FILE
        self.plan = plan

    def open(self) -> None:
        """Create the folder, or check that the existing one holds the same plan.

        Raises:
            ConfigError: it holds another plan or no plan, or cannot be created.
        """
        if self.plan_file.is_file():
            self._check_same_plan(read_settings(self.plan_file))
            return
        if self.path.exists():
            raise ConfigError(
                f"name: {self.plan.name!r} is not allowed, since {self.path} exists and is not a "
                "comparison; allowed: a new name"
            )
        try:
            with atomic_folder(self.path) as unfinished:
                plan = settings_text(self.plan.to_dict())
                (unfinished / PLAN_FILE).write_text(plan, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"cannot create a folder in runs={self.plan.runs!r}: {error.strerror}"
            ) from error

    def _check_same_plan(self, stored: dict[str, Any]) -> None:
        difference = _difference(
            {key: value for key, value in stored.items() if key not in _MAY_CHANGE},
            {key: value for key, value in self.plan.to_dict().items() if key not in _MAY_CHANGE},
        )
        if difference:
            raise ConfigError(
                f"name: {self.plan.name!r} is not allowed, since {self.path} holds a different "
                f"comparison: {difference}; allowed: the same plan, to continue it, or a new name"
            )

    def state(self, task: Task) -> TaskState:
        """Return the state of the task's run."""
        run = RunFolder(self.path / task.name)
        checkpoints = Checkpoints(run.checkpoints)
        step = checkpoints.latest_step()
        if checkpoints.has_reached(task.config.steps):
            return TaskState.DONE
        if is_divergence(self.stored_error(task)):
            return TaskState.DIVERGED
        return TaskState.NEW if step is None else TaskState.RESUMABLE

    def prepare(self, task: Task) -> None:
        """Delete the error of an earlier attempt, and its run if that never began.

        Another folder in the place of the run is kept; the attempt then fails.
        """
        self.error_file(task).unlink(missing_ok=True)
        run = RunFolder(self.path / task.name)
        if self.state(task) is TaskState.NEW and run.never_began():
            shutil.rmtree(run.path)

    def error_file(self, task: Task) -> Path:
        """Return the path of the sentence that says why the task was given up."""
        return self.path / task.name / ERROR_FILE

    def stored_error(self, task: Task) -> str:
        """Return the reason why the task was given up; empty if there is none."""
        try:
            return read_regular(self.error_file(task)).decode(errors="replace").strip()
        except FileNotFoundError:
            return ""


def is_divergence(error: str) -> bool:
    """Return True for the error of a run that diverged, which a retry would repeat."""
    return error.startswith(f"{DivergenceError.__name__}: ")


def _difference(stored: Any, new: Any, key: str = "") -> str | None:
    """Describe the first difference between a stored plan and a new one; None if they are equal."""
    if isinstance(stored, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys([*new, *stored]):
            inner_key = f"{key}.{name}" if key else str(name)
            difference = _difference(stored.get(name), new.get(name), inner_key)
            if difference:
                return difference
        return None
    if stored == _lists(new):
        return None
    return f"{key} is {stored!r} there and {new!r} here"


def _lists(value: Any) -> Any:
    """Replace tuples by lists, which is what YAML stores."""
    if isinstance(value, Mapping):
        return {key: _lists(inner) for key, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, (list, tuple)) else value
