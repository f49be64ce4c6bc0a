"""Checkpoints of a training run: loading one, and errors of files that name the last one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ddpg.errors import CheckpointError, StateError, StorageError
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder, fixed_settings
from ddpg.runs.state_check import names_checkpoint, require_plain
from ddpg.runs.stored_curves import StoredCurves
from ddpg.runs.tracking import curve_tags
from ddpg.training import separation
from ddpg.training.state import TrainingState


def load_checkpoint(
    state: TrainingState, folder: RunFolder, checkpoints: Checkpoints, replay: ReplayBuffer
) -> tuple[list[int], StoredCurves]:
    """Load the checkpoint that `resume_from` names into `state` and `replay`.

    Returns:
        The members whose environment was not restored exactly, and the place in the curves.

    Raises:
        CheckpointError: it is missing, damaged or of another run.
    """
    if checkpoints.latest_step() is None and not folder.has_metrics():
        # The run stopped before its first step.
        return [], StoredCurves()
    which = state.config.resume_from
    file = checkpoints.state_path(which)
    stored = checkpoints.load(replay, which)
    with names_checkpoint(file):
        parts = stored if isinstance(stored, dict) else {}
        _complete(parts, state)
        place, settings = parts.pop("curves", None), parts.pop("settings", {})
        _require_same(settings, fixed_settings(state.config))
        tags = curve_tags(separation.tags(state.agent), state.config.log_info)
        curves = StoredCurves.load(place, state.config.members, tags)
        return state.load_state_dict(stored), curves


def _complete(parts: dict[str, Any], state: TrainingState) -> None:
    """Add the parts that the states of earlier versions lack."""
    parts.setdefault("spaces", state.environments.spaces.state_dict())
    parts.setdefault("multi_step", state.multi_step.state_dict())
    parts.setdefault("best", state.best.state_dict())
    parts.setdefault("info", state.info.state_dict())
    step, settings = parts.get("step"), parts.get("settings", {})
    if "logged_at" not in parts and isinstance(step, int):
        every = settings.get("log_every") if isinstance(settings, dict) else None
        parts["logged_at"] = step - step % (every or state.config.log_every)


def _require_same(stored: Any, settings: dict[str, Any]) -> None:
    """Raise a StateError if `config.yaml` was edited since the checkpoint."""
    if not isinstance(stored, dict):
        raise StateError("settings: not a mapping; allowed: settings by name")
    for name, value in settings.items():
        if name not in stored:
            continue
        require_plain(stored[name], f"settings.{name}")
        if stored[name] != value:
            raise StateError(
                f"{name}: {value!r} in config.yaml is not allowed; allowed: {stored[name]!r}, the "
                "value of this run"
            )


def last_checkpoint(checkpoints: Checkpoints) -> str:
    """Return the place of the last checkpoint, as the end of an error message."""
    try:
        step = checkpoints.latest_step()
    except CheckpointError as error:
        return str(error)
    if step is None:
        return f"there is no checkpoint in {checkpoints.folder}"
    return f"the last checkpoint is of step {step} in {checkpoints.folder}"


@contextmanager
def storage_errors(folder: RunFolder, checkpoints: Checkpoints) -> Iterator[None]:
    """Context manager: raise a file that cannot be written as a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {error.filename or folder.path}: {error.strerror or error}; "
            f"{last_checkpoint(checkpoints)}"
        ) from error
