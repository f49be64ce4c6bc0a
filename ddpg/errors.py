"""Why a run stopped before its end; each message is one sentence, and says what is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class RunError(RuntimeError):
    """A run stopped before its end; its last good checkpoint is kept."""


class DivergenceError(RunError):
    """A loss, gradient, value or weight became NaN or infinite."""


class StorageError(RunError):
    """A file of the run cannot be written."""


class EnvironmentFaultError(RunError):
    """An environment raised, gave what no transition can hold, or gave no answer.

    Args:
        what: what it did, as the end of a sentence that begins with the environment.
        member: whose environment it was; None while evaluating.
    """

    def __init__(self, what: Any, member: int | None = None):
        # A vector environment in subprocesses makes the exception anew, from the exception.
        if isinstance(what, EnvironmentFaultError):
            what, member = what.what, what.member
        super().__init__(what, member)
        self.what: str = what
        self.member = member

    def __str__(self) -> str:
        whose = "" if self.member is None else f" of member {self.member}"
        return f"the environment{whose} {self.what}"


class RunWarning(UserWarning):
    """Something happened to a run that goes on; the message is one sentence."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside, an OSError names `path`: one of a write or a flush does not tell its file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
