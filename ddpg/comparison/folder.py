"""The folder of a comparison: `comparison.yaml`, and beside it one run folder a task."""

import shutil
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from ddpg.comparison.plan import Plan, Task
from ddpg.config.yaml_file import read_settings, settings_text
from ddpg.errors import ConfigError
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.files import atomic_folder
from ddpg.runs.folder import RunFolder

_MAY_MOVE = ("name", "runs")


class State(Enum):
    """How far a task's run came."""

    NEW = "new"
    """There is no folder, or one that holds nothing to go on from."""
    BEGUN = "begun"
    DONE = "done"
    DIVERGED = "diverged"
    """It would diverge again, so it is not tried again."""


class ComparisonFolder:
    """Where a comparison is kept.

    Args:
        plan: what it runs.
    """

    def __init__(self, plan: Plan):
        self.path = Path(plan.runs) / plan.name
        self.plan_file = self.path / "comparison.yaml"
        self.plan = plan

    def open(self) -> None:
        """Make the folder, or find the one that this very plan began.

        Raises:
            ConfigError: another plan began it, it is no comparison, or it cannot be made.
        """
        if self.plan_file.exists():
            self._check_same_plan(read_settings(self.plan_file))
            return
        if self.path.exists():
            raise ConfigError(
                f"name is {self.plan.name!r}, and {self.path} exists and is no comparison; "
                "allowed: a new name"
            )
        try:
            with atomic_folder(self.path) as unfinished:
                plan = settings_text(self.plan.to_dict())
                (unfinished / self.plan_file.name).write_text(plan, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"runs is {self.plan.runs!r}, where no folder can be made: {error.strerror}"
            ) from error

    def _check_same_plan(self, stored: dict[str, Any]) -> None:
        new = yaml.safe_load(settings_text(self.plan.to_dict()))
        difference = _difference(
            {k: v for k, v in stored.items() if k not in _MAY_MOVE},
            {k: v for k, v in new.items() if k not in _MAY_MOVE},
        )
        if difference:
            raise ConfigError(
                f"{self.path} holds another comparison: {difference}; allowed: the same plan, "
                "which goes on with it, or another name"
            )

    def state(self, task: Task) -> State:
        """How far the run of `task` came."""
        run = RunFolder(self.path / task.name)
        step = Checkpoints(run.checkpoints).latest_step()
        if step is not None and step >= task.config.steps:
            return State.DONE
        if self.error_file(task).exists() and _diverged(self.error_file(task)):
            return State.DIVERGED
        return State.NEW if step is None else State.BEGUN

    def prepare(self, task: Task) -> None:
        """Take away what is left of an earlier attempt and cannot be gone on from."""
        self.error_file(task).unlink(missing_ok=True)
        if self.state(task) is State.NEW and (self.path / task.name).exists():
            shutil.rmtree(self.path / task.name)

    def error_file(self, task: Task) -> Path:
        """Where one sentence says why the run of `task` was given up."""
        return self.path / task.name / "error.txt"


def _diverged(file: Path) -> bool:
    return file.read_text(encoding="utf-8", errors="replace").startswith("DivergenceError: ")


def _difference(stored: Any, new: Any, where: str = "") -> str | None:
    """The first place where two plans differ, in words; None if they don't."""
    if isinstance(stored, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*new, *stored]):
            place = f"{where}.{key}" if where else str(key)
            found = _difference(stored.get(key), new.get(key), place)
            if found:
                return found
        return None
    if stored == new:
        return None
    return f"{where} is {stored!r} there, and {new!r} here"
