"""Child processes: each subject is measured in one of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.timing.cores import available_cores
from benchmarks.timing.measurement import Measurement
from benchmarks.workload import Workload
from ddpg.errors import UsageError

_REPOSITORY = Path(__file__).resolve().parents[2]


class SubjectError(UsageError):
    """Failure of a subject's process, in one sentence."""


def run_subject(subject: str, workload: Workload) -> Measurement:
    """Measure `subject`, a key of `SUBJECTS`, in a process of its own.

    Raises:
        SubjectError: the process failed.
    """
    request = {"name": subject, "workload": asdict(workload)}
    return Measurement(**run_child("subject", subject, request, workload.threads))


def run_child(
    task: str,
    name: str,
    request: Mapping[str, Any],
    threads: int,
    variables: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run a task of `benchmarks.child` in a process and return its result.

    Args:
        task: key of `benchmarks.child.TASKS`.
        name: subject of an error message.
        request: arguments of the task, of JSON types. The task also gets `began`, the monotonic
            clock at the start of the process.
        threads: number of cores, and of threads that its libraries may use.
        variables: additional environment variables.

    Raises:
        SubjectError: the process failed.
    """
    cores = available_cores()[-threads:]
    full = json.dumps({**request, "cores": cores, "began": time.monotonic()})
    # -P: the current folder is not on the path, so that no file there replaces a module.
    done = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-m", "benchmarks.child", task, full],
        env={**os.environ, **_path(), **_thread_limits(threads), **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise SubjectError(f"{name} failed: {lines[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def _path() -> dict[str, str]:
    """Return the variable that lets a child import `benchmarks`, which is not installed."""
    path = [str(_REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def _thread_limits(threads: int) -> dict[str, str]:
    variables = {"JAX_PLATFORMS": "cpu"}
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        variables[name] = str(threads)
    if threads == 1:
        # XLA has no other setting for its thread pool; pinning to one core does the rest.
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    return variables
