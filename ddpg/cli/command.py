"""The entry point of every script: load the command, report its errors, return an exit status."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn, ParamSpec

from ddpg.cli.invocation import program as program_name
from ddpg.cli.streams import BROKEN_PIPE, flushed_output, prepare_streams
from ddpg.errors import (
    CheckpointError,
    CompileError,
    ConfigError,
    ExerciseError,
    RunError,
    RunWarning,
    UsageError,
)
from ddpg.isolation.extras import MissingExtraError
from ddpg.training.interrupt import ends_at_once

STOPPED = 1
"""Exit status of a command that began and could not finish."""
USAGE = 2
"""Exit status of a command that cannot begin as it was called."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 + SIGINT, as shells have it."""

_REFUSALS = (
    CheckpointError,
    CompileError,
    ConfigError,
    ExerciseError,
    MissingExtraError,
    UsageError,
)
_Arguments = ParamSpec("_Arguments")


def start(module: str, *arguments: object) -> int:
    """Import `module` and return the exit status of its `main(*arguments)`.

    PyTorch takes seconds to import. Ctrl-C exits silently until it is loaded.
    """
    prepare_streams()
    with ends_at_once():
        main = import_module(module).main
    return main(*arguments)


def command(
    name: str, interrupted: str = "interrupted"
) -> Callable[[Callable[_Arguments, int]], Callable[_Arguments, int]]:
    """Decorate the `main` of a command: each known exception is one sentence and an exit status.

    Args:
        name: name of the command; each sentence begins with it.
        interrupted: the sentence after Ctrl-C.
    """

    def decorate(main: Callable[_Arguments, int]) -> Callable[_Arguments, int]:
        @wraps(main)
        def decorated(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> int:
            program = program_name(name)
            try:
                with one_line_warnings(program), flushed_output():
                    return main(*arguments, **options)
            except _REFUSALS as error:
                fail(program, error)
            except OSError as error:
                if isinstance(error, BrokenPipeError) and error.filename is None:
                    return BROKEN_PIPE
                path = error.filename or "standard output"
                fail(program, f"cannot write {path}: {error.strerror}")
            except RunError as error:
                print(f"{program}: stopped: {error}", file=sys.stderr)
                return STOPPED
            except KeyboardInterrupt:
                print(f"{program}: {interrupted}", file=sys.stderr)
                return INTERRUPTED

        return decorated

    return decorate


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
