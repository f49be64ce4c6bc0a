"""The entry point of every script: load the command, report its errors, return an exit status."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn, ParamSpec

from ddpg.cli.invocation import program as program_name
from ddpg.cli.signals import ends_by_signal, signal_behind
from ddpg.cli.streams import BROKEN_PIPE, flushed_output, prepare_streams
from ddpg.errors import (
    CheckpointError,
    CompileError,
    ConfigError,
    ExerciseError,
    ExportError,
    RunError,
    RunWarning,
    UsageError,
)
from ddpg.isolation.extras import MissingExtraError

STOPPED = 1
"""Exit status of a command that began and could not finish."""
USAGE = 2
"""Exit status of a command that cannot begin as it was called."""

_REFUSALS = (
    CheckpointError,
    CompileError,
    ConfigError,
    ExerciseError,
    ExportError,
    MissingExtraError,
    UsageError,
)
_Arguments = ParamSpec("_Arguments")


def start(module: str, *arguments: object, name: str | None = None) -> int:
    """Import `module` and return the exit status of its `main(*arguments)`.

    Args:
        module: the module.
        arguments: arguments of its `main`.
        name: name of the command, by default the last part of the module's name.
    """
    prepare_streams()
    program = program_name(name or module.rpartition(".")[2])
    with ends_by_signal(program) as ending:
        try:
            status = import_module(module).main(*arguments)
        except BaseException as error:
            if ending.signal is None or isinstance(error, SystemExit):
                raise
            # The signal came outside of a decorated function.
            status = _print_interrupted(program, "interrupted", ending.signal)
        return status if ending.signal is None else 128 + ending.signal


def command(
    name: str, interrupted: str = "interrupted"
) -> Callable[[Callable[_Arguments, int]], Callable[_Arguments, int]]:
    """Decorate the `main` of a command: each known exception is one sentence and an exit status.

    Args:
        name: name of the command; each sentence begins with it.
        interrupted: the sentence after a signal.
    """

    def decorate(main: Callable[_Arguments, int]) -> Callable[_Arguments, int]:
        @wraps(main)
        def decorated(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> int:
            program = program_name(name)
            try:
                with one_line_warnings(program), flushed_output():
                    return main(*arguments, **options)
            except BaseException as error:
                number = signal_behind(error)
                if number is not None:
                    return _print_interrupted(program, interrupted, number)
                return _status(program, error)

        return decorated

    return decorate


def _status(program: str, error: BaseException) -> int:
    """Print a known exception as one sentence, and return the exit status; raise any other."""
    if isinstance(error, _REFUSALS):
        fail(program, error)
    if isinstance(error, RunError):
        print(f"{program}: stopped: {error}", file=sys.stderr)
        return STOPPED
    if isinstance(error, OSError):
        if isinstance(error, BrokenPipeError) and error.filename is None:
            return BROKEN_PIPE
        path = error.filename or "standard output"
        fail(program, f"cannot write {path}: {error.strerror}")
    raise error


def _print_interrupted(program: str, sentence: str, number: int) -> int:
    print(f"{program}: {sentence}", file=sys.stderr)
    return 128 + number


def fail(program: str, message: object) -> NoReturn:
    """Exit with status 2 and one line on standard error."""
    print(f"{program}: error: {' '.join(str(message).split())}", file=sys.stderr)
    raise SystemExit(USAGE)


@contextmanager
def one_line_warnings(program: str) -> Iterator[None]:
    """Context manager: each warning of a stop or a run is one line on standard error, once."""
    # Importing stops imports PyTorch, which `start` has to do first.
    from ddpg.stops import StopWarning

    printed: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, (StopWarning, RunWarning)):
            default_show(message, category, *place, **more)
        elif str(message) not in printed:
            # The command line, the run's folder and the agent each check the same setting.
            printed.add(str(message))
            print(f"{program}: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        # The filter `once` forgets its warnings whenever any filter changes.
        warnings.simplefilter("always", StopWarning)
        warnings.simplefilter("always", RunWarning)
        default_show, warnings.showwarning = warnings.showwarning, show
        yield
