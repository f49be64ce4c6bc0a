"""Contract and updates of an agent, from a function of the user that is named `module:factory`."""

import importlib
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .contract import Contract
from .explain.sources import Frame

Updates = Mapping[str, Callable[[], Any]]
SUBJECT = "module:factory"


class SubjectError(ValueError):
    """`module:factory` names nothing that can be audited. The message is one sentence."""


def load_factory(subject: str, allowed: str = SUBJECT) -> tuple[Contract, Updates]:
    """Return the result of the function that `module:factory` names.

    The module is searched in the working directory first.

    Args:
        subject: `module:factory`.
        allowed: the allowed subjects, for the message.

    Raises:
        SubjectError: there is no such function, or its result is not allowed.
        Exception: the user's module or function raised it.
    """
    module_name, _, factory_name = subject.partition(":")
    if not (module_name and factory_name):
        raise SubjectError(f"subject: {subject!r} is not allowed; allowed: {allowed}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.split(".")[0] != error.name.split(".")[0]:
            raise
        raise SubjectError(
            f"cannot import {module_name}: it is not in this folder or on the path"
        ) from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise SubjectError(f"cannot call {subject}: {module_name} has no function {factory_name!r}")
    result = factory()
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Contract)):
        raise SubjectError(
            f"{subject}: a result of type {type(result).__name__} is not allowed; "
            "allowed: (contract, updates)"
        )
    return result


def description(error: BaseException) -> str:
    """Return type, place and first line of an error of the user's code."""
    frames = [
        Frame(each.filename, each.lineno or 0, each.name)
        for each in traceback.extract_tb(error.__traceback__)
    ]
    users = [each for each in frames if each.is_users and not each.is_installed]
    return f"{type(error).__name__} at {(users or frames)[-1].place}: {first_line(error)}"


def first_line(error: BaseException) -> str:
    """Return the first line of the message of an error of the user's code."""
    try:
        return next(iter(str(error).strip().splitlines()), "")
    # The user's code may raise here too.
    except Exception:
        return "(its message cannot be read)"
