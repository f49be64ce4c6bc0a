"""Starts a subject's process and reads what it measured."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.measurement import Measurement
from benchmarks.work import Work


class SubjectError(RuntimeError):
    """A subject's process failed; the message is one sentence."""


def run_subject(subject: str, work: Work) -> Measurement:
    """Measure `subject`, a name of `SUBJECTS`, in a process of its own.

    Raises:
        SubjectError: it failed.
    """
    request = {"subject": subject, "work": asdict(work)}
    return Measurement(**run_child("benchmarks.child", subject, request, work.threads))


def run_child(
    module: str,
    name: str,
    request: Mapping[str, Any],
    threads: int,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run `python -m module REQUEST` on `threads` cores; the JSON of its last line.

    The request gets two more fields: `cores`, and `began`, the system's monotonic clock at the
    start.

    Args:
        module: what to run.
        name: what a failure calls it.
        request: becomes a JSON argument.
        threads: cores that it is held to, and threads that its libraries may use.
        variables: further environment variables.

    Raises:
        SubjectError: it failed.
    """
    full = {**request, "cores": cores()[-threads:], "began": time.monotonic()}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, json.dumps(full)],
        env={**os.environ, **_thread_variables(threads), **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise SubjectError(f"{name} failed: {lines[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def cores() -> list[int]:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _thread_variables(threads: int) -> dict[str, str]:
    variables = {"JAX_PLATFORMS": "cpu"}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        variables[name] = str(threads)
    if threads == 1:
        # XLA has no other switch for it; being held to one core does the rest.
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return variables
