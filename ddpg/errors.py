"""Exceptions and warnings of the package; each message is one sentence.

`ddpg.stops` and `ddpg.isolation` are usable alone and define their own.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class ConfigError(ValueError):
    """A setting is not allowed. The message has the setting, its value and the allowed range."""


class StateError(ValueError):
    """A part of a stored state is not allowed. The message names the part and what is allowed."""


class BrokenRunError(ValueError):
    """A run of a comparison cannot be read completely. The message is the reason."""


class ExerciseError(ValueError):
    """An exercise file cannot be checked. The message is the reason."""


class UsageError(ValueError):
    """A command line names something that cannot be used. The message is the reason."""


class CheckpointError(RuntimeError):
    """A checkpoint is missing, unreadable, or belongs to another run."""


class DamagedCheckpointError(CheckpointError):
    """A file of a checkpoint is missing or differs from what was written."""

    before: int | None = None
    """Environment step of the previous checkpoint, if there is one."""


class CompileError(RuntimeError):
    """The compiler failed or was interrupted. The message has the reason."""


class ExportError(RuntimeError):
    """A policy cannot be exported. The message has the reason."""


class RunError(RuntimeError):
    """A run stopped before its end. Its last good checkpoint is kept."""


class DivergenceError(RunError):
    """A loss, gradient, value or weight became NaN or infinite."""


class StorageError(RunError):
    """A file of the run cannot be written."""


class EnvironmentFaultError(RunError):
    """An environment raised, returned an invalid transition, or did not answer in time.

    Args:
        what: the fault, as the end of a sentence that begins with the environment.
        member: index of the member whose environment it is; None while evaluating.
    """

    def __init__(self, what: Any, member: int | None = None):
        # A vector environment in subprocesses constructs the exception from the exception.
        if isinstance(what, EnvironmentFaultError):
            what, member = what.what, what.member
        super().__init__(what, member)
        self.what: str = what
        self.member = member

    def __str__(self) -> str:
        owner = "" if self.member is None else f" of member {self.member}"
        return f"the environment{owner} {self.what}"


class RunWarning(UserWarning):
    """Something happened to a run that continues."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `, did you mean 'near'?` for the closest of the known names, or an empty string."""
    near = get_close_matches(name, list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
