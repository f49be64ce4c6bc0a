"""Run of a training script as it is, with some cycles of its loop under watch."""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..contract import Contract
from ..factory import description
from ..report import Report
from .discovery import Discovery
from .loop_watch import LoopWatch, ScriptError


@dataclass(frozen=True)
class Watched:
    """Result of a run.

    Attributes:
        report: a `Survey`; with a contract, a `Report`.
        problem: why the script ended before it should, in a sentence; empty if it did not.
        failed: the script raised an error, or exited with a status other than 0.
    """

    report: Report
    problem: str = ""
    failed: bool = False


def run_script(
    script: Path,
    arguments: Sequence[str] = (),
    after: int = 10,
    cycles: int = 4,
    proceed: bool = False,
    make_contract: Callable[[Discovery], Contract] | None = None,
) -> Watched:
    """Run a script as `python script arguments`, and watch some cycles of its loop.

    A cycle ends at the first forward call or backward pass after a step of the optimizer that made
    the step `after`.

    Args:
        after: number of the optimizer step after which the watch begins.
        cycles: number of cycles under watch.
        proceed: let the script run to its end.
        make_contract: returns the contract that the cycles must keep.

    Raises:
        ScriptError: no cycle was recorded.
        ContractError: the contract does not fit the script.
    """
    watch = LoopWatch(after, cycles, proceed, make_contract)
    before = _child_seconds()
    with watch, _arguments(script, arguments):
        failure = _run(script)
    if watch.failure is not None:
        raise watch.failure
    ended_early = watch.complete < cycles
    problems = [failure] if failure and (proceed or ended_early) else []
    if ended_early and not problems:
        problems = [watch.shortfall()]
        if multiprocessing.active_children() or _child_seconds() > before:
            problems.append("the audit does not see the processes that the script started")
    problem = f"{script} {'; '.join(problems)}" if problems else ""
    if watch.complete == 0:
        raise ScriptError(problem)
    return Watched(watch.report(), problem, failed=failure in problems)


def _run(script: Path) -> str:
    """Run the script, and return the reason if it failed."""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:  # the script's, or the watch's with status 0
        if end.code is None or end.code == 0:
            return ""
        return f"exited with {f'status {end.code}' if isinstance(end.code, int) else end.code}"
    except Exception as error:  # The user's script can raise anything.
        return f"raised {description(error)}"
    return ""


@contextmanager
def _arguments(script: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Context manager with the `sys.argv` and `sys.path` of `python script arguments`."""
    argv, path = sys.argv, list(sys.path)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path


def _child_seconds() -> float:
    """Return the CPU time of child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system
