"""Child process of a benchmark: `python -m benchmarks.child TASK REQUEST`.

`REQUEST` is a JSON object; the last line of the output is the result, in JSON.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from benchmarks.timing.cores import pin_to_cores

# The tasks import their modules only when they run: libraries count the cores while they load.


def _measure_subject(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.subjects.registry import measure_subject
    from benchmarks.workload import Workload

    workload = Workload(**request["workload"])
    return asdict(measure_subject(request["name"], workload, request["began"]))


def _break_down(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.sections.breakdown import measure_case

    return asdict(measure_case(request["name"], request["seconds"], request["threads"]))


def _solve(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.sections.solve import run_solver

    return run_solver(request["name"], request["seed"], request["last"], request["began"])


TASKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "subject": _measure_subject,
    "breakdown": _break_down,
    "solve": _solve,
}
"""Task -> function from a request to a result, both of JSON types."""


def main() -> None:
    """Run the task on its cores and print its result."""
    task, request = sys.argv[1], json.loads(sys.argv[2])
    pin_to_cores(request.pop("cores"))
    print(json.dumps(TASKS[task](request)))


if __name__ == "__main__":
    main()
