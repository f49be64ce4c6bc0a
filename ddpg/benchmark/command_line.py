"""The command line of `scripts/bench.py`."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from ddpg.benchmark import machine
from ddpg.benchmark.document import fill
from ddpg.benchmark.processes import SubjectError, cores
from ddpg.benchmark.subjects import LIMITS, OURS, PEERS, SUBJECTS, missing
from ddpg.benchmark.tables import Table
from ddpg.benchmark.work import SIZES
from ddpg.command_line import OneSentenceParser, fail

_PROGRAM = "bench.py"
_SECTIONS = ("audit",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 2 a usage error or a subject that failed."""
    given = _parser().parse_args(arguments)
    for name in ("peers", "limit", *_SECTIONS) if given.all else ():
        setattr(given, name, True)
    _check(given)
    try:
        results, tables = _measure(given)
        # What took minutes is shown before anything can go wrong with a file.
        for table in tables:
            Console(width=None if sys.stdout.isatty() else 160).print(table.for_terminal())
        if given.json:
            given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if given.document:
            fill(given.document, results["machine"], tables)
    except SubjectError as error:
        fail(_PROGRAM, error)
    except OSError as error:
        fail(_PROGRAM, f"{error.filename} cannot be written: {error.strerror}")
    return 0


def _parser() -> OneSentenceParser:
    parser = OneSentenceParser(
        prog=_PROGRAM,
        description="Time one environment step with one update of critic and actor on Pendulum-v1, "
        "each subject in processes of its own that take turns.",
    )
    parser.add_argument(
        "--peers", action="store_true", help=f"beside {', '.join(PEERS)} (extras peers, peers-jax)"
    )
    parser.add_argument(
        "--limit", action="store_true", help="beside bare matrix products and environment steps"
    )
    parser.add_argument(
        "--subjects", help=f"these alone, separated by commas, among {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--audit", action="store_true", help="what an audit costs")
    parser.add_argument("--all", action="store_true", help="every one of these but --subjects")
    parser.add_argument(
        "--size", choices=[*SIZES, "both"], default="small", help="of networks and batch"
    )
    parser.add_argument("--repeats", type=int, default=5, help="processes of each subject, ≥ 1")
    parser.add_argument("--seconds", type=float, default=5.0, help="timed in each process, > 0")
    parser.add_argument("--threads", type=int, default=1, help="and cores of each process, ≥ 1")
    parser.add_argument("--json", type=Path | None, help="file for everything that was measured")
    parser.add_argument(
        "--document", type=Path | None, help="Markdown file whose tables are brought up to date"
    )
    return parser


def _check(given: Any) -> None:
    """Refuse, before anything runs, what cannot be measured."""
    if given.repeats < 1:
        fail(_PROGRAM, f"repeats is {given.repeats}; allowed: a whole number ≥ 1")
    if not 0 < given.seconds < float("inf"):
        fail(_PROGRAM, f"seconds is {given.seconds:g}; allowed: a number > 0")
    if not 1 <= given.threads <= len(cores()):
        fail(_PROGRAM, f"threads is {given.threads}; allowed here: 1 to {len(cores())}, the cores")
    for name in _subjects(given):
        if name not in SUBJECTS:
            fail(_PROGRAM, f"subjects names {name!r}; allowed: {', '.join(SUBJECTS)}")
    sentence = missing(_subjects(given))
    if sentence:
        fail(_PROGRAM, sentence)
    if given.document and not given.document.is_file():
        fail(_PROGRAM, f"document is {str(given.document)!r}; allowed: a file that exists")
    if given.json and not os.access(given.json.parent, os.W_OK):
        fail(_PROGRAM, f"json is {str(given.json)!r}; allowed: a file in a folder that exists")


def _subjects(given: Any) -> list[str]:
    """What is timed; nothing, if only other sections are asked for."""
    if given.subjects is not None:
        return given.subjects.split(",")
    beside = [*(PEERS if given.peers else ()), *(LIMITS if given.limit else ())]
    if beside or not any(getattr(given, section) for section in _SECTIONS):
        return [*beside, *OURS]
    return []


def _measure(given: Any) -> tuple[dict[str, Any], list[Table]]:
    """What the command line asks for, as JSON holds it, and its tables."""
    results: dict[str, Any] = {"command": sys.argv[1:], "machine": machine.describe()}
    tables: list[Table] = []
    subjects = _subjects(given)
    if subjects:
        from ddpg.benchmark.speed import compare, limit_table, speed_table
        from ddpg.benchmark.targets import targets_table

        sizes = [*SIZES] if given.size == "both" else [given.size]
        speeds = compare(subjects, sizes, given.repeats, given.seconds, given.threads, _say)
        results["speed"] = [asdict(each) for each in speeds]
        tables += [speed_table(size, speeds) for size in sizes]
        tables += [limit_table(speeds), targets_table(speeds)]
    if given.audit:
        from ddpg.benchmark.audit_cost import (
            audit_cost_table,
            audit_costs,
            slowdown_table,
            training_slowdown,
        )

        costs, slowdowns = audit_costs(20 * given.repeats), training_slowdown(4 * given.repeats)
        results["audit"] = [asdict(each) for each in (*costs, *slowdowns)]
        tables += [audit_cost_table(costs), slowdown_table(slowdowns)]
    return results, [table for table in tables if table.rows]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
