"""Run a script in this process, and record what it printed, returned and wrote."""

import contextlib
import io
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from ddpg.runs.lock import LOCK_FILE

SCRIPTS = Path(__file__).parents[3] / "scripts"


@dataclass(frozen=True)
class Outcome:
    """Exit status and output of a script."""

    status: int
    output: str
    errors: str


def call(script: str, arguments: Sequence[str]) -> Outcome:
    """Run `python scripts/<script> <arguments>` in this process and the current folder."""
    path = str(SCRIPTS / script)
    output, errors = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", [path, *arguments]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            runpy.run_path(path, run_name="__main__")
        except SystemExit as exit_request:
            status = int(exit_request.code or 0)
        else:
            raise AssertionError(f"{script} did not exit with a status")
    return Outcome(status, output.getvalue(), errors.getvalue())


def contents(folder: Path) -> dict[str, tuple[int, float]]:
    """Return every path below `folder`, with its size and, of a file, the time of its last change.

    Locks are left out: each attempt to write into a run writes its process into the lock.
    """
    return {
        str(path.relative_to(folder)): (
            path.stat().st_size,
            path.is_file() and path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.name != LOCK_FILE
    }
