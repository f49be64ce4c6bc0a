"""The command line of `scripts/bench.py`."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import machine
from benchmarks.audit_cost import (
    audit_cost_table,
    audit_costs,
    slowdown_table,
    training_slowdown,
)
from benchmarks.breakdown import CASES, break_down, breakdown_table
from benchmarks.document import fill, has_places
from benchmarks.processes import SubjectError, cores
from benchmarks.scaling import draw, scaling_table, sweep
from benchmarks.solve import SOLVED_BESIDE, SOLVERS, solve, solve_table
from benchmarks.speed import compare, limit_table, speed_table
from benchmarks.subjects import LIMITS, OURS, PEERS, SUBJECTS, missing
from benchmarks.tables import Table
from benchmarks.targets import targets_table
from benchmarks.work import SIZES
from ddpg.cli.command import command
from ddpg.cli.parser import OneSentenceParser
from ddpg.errors import UsageError
from ddpg.runs.files import atomic_write

_PROGRAM = "bench.py"
_WIDTH = 200
"""Columns of a table in a file, which no terminal limits."""
_SECTIONS = ("profile", "scaling", "solve", "audit")


@command(_PROGRAM, interrupted="interrupted: sections without a table are lost")
def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0; a usage error or a failed subject exits with status 2."""
    given = _parser().parse_args(arguments)
    for name in ("peers", "limit", *_SECTIONS) if given.all else ():
        setattr(given, name, True)
    _check(given)
    try:
        for section in ("speed", *_SECTIONS):
            if _subjects(given) if section == "speed" else getattr(given, section):
                # Each is shown and kept before the next one can fail.
                _run(section, given)
    except SubjectError as error:
        raise UsageError(str(error)) from error
    return 0


def _run(section: str, given: Any) -> None:
    """Measure one section, print its tables, and put it into the files that were asked for."""
    where = machine.describe()
    found, tables = _MEASURED[section](given)
    tables = [table for table in tables if table.rows]
    for table in tables:
        Console(width=None if sys.stdout.isatty() else _WIDTH).print(table.for_terminal())
    if given.json:
        kept = _sections(given.json)
        kept[section] = {"machine": where, "results": [asdict(each) for each in found]}
        with atomic_write(given.json) as unfinished:
            unfinished.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    if given.document:
        fill(given.document, where, tables)


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
    parser.add_argument("--profile", action="store_true", help="where a step's time goes")
    parser.add_argument("--scaling", action="store_true", help="1 to 64 members")
    parser.add_argument(
        "--solve", action="store_true", help="from the command to a solved Pendulum, beside peers"
    )
    parser.add_argument("--audit", action="store_true", help="what an audit costs")
    parser.add_argument("--all", action="store_true", help="every one of these but --subjects")
    parser.add_argument(
        "--size", choices=[*SIZES, "both"], default="small", help="of networks and batch"
    )
    parser.add_argument("--repeats", type=int, default=5, help="processes of each subject, ≥ 1")
    parser.add_argument("--seconds", type=float, default=5.0, help="timed in each process, > 0")
    parser.add_argument("--threads", type=int, default=1, help="and cores of each process, ≥ 1")
    parser.add_argument("--picture", type=Path | None, help="file for what --scaling draws")
    parser.add_argument("--json", type=Path | None, help="file for what is measured, by section")
    parser.add_argument(
        "--document", type=Path | None, help="Markdown file whose tables are brought up to date"
    )
    return parser


def _check(given: Any) -> None:
    """Refuse, before anything runs, what cannot be measured."""
    if given.repeats < 1:
        raise UsageError(f"repeats is {given.repeats}; allowed: a whole number ≥ 1")
    if not 0 < given.seconds < float("inf"):
        raise UsageError(f"seconds is {given.seconds:g}; allowed: a number > 0")
    if not 1 <= given.threads <= len(cores()):
        raise UsageError(
            f"threads is {given.threads}; allowed here: 1 to {len(cores())}, the cores"
        )
    for name in _subjects(given):
        if name not in SUBJECTS:
            raise UsageError(f"subjects names {name!r}; allowed: {', '.join(SUBJECTS)}")
    needed = [*_subjects(given), *(SOLVED_BESIDE if given.solve else ())]
    sentence = missing(needed)
    if sentence:
        raise UsageError(sentence)
    _check_files(given)


def _check_files(given: Any) -> None:
    """Refuse what could not be written once it is measured, or would not be."""
    if given.document and not given.document.is_file():
        raise UsageError(f"document is {str(given.document)!r}; allowed: a file that exists")
    for name in ("json", "picture"):
        file = getattr(given, name)
        if file and (file.is_dir() or not os.access(file.parent, os.W_OK)):
            raise UsageError(f"{name} is {str(file)!r}; allowed: a file in a folder that exists")
    if given.document and not has_places(given.document):
        raise UsageError(
            f"document is {str(given.document)!r}; allowed: a file with places for tables, "
            "`<!-- measured NAME -->`, each with its `<!-- end -->`",
        )
    if given.json:
        _sections(given.json)
    if given.picture and given.picture.suffix not in (".png", ".pdf", ".svg"):
        picture = str(given.picture)
        raise UsageError(f"picture is {picture!r}; allowed: a name that ends in .png, .pdf or .svg")
    if given.picture and not given.scaling:
        raise UsageError(
            f"picture is {str(given.picture)!r}; allowed: beside --scaling, its subject"
        )


def _sections(file: Path) -> dict[str, Any]:
    """What a file of `--json` has; it is left alone if that is something else."""
    if not file.exists():
        return {}
    try:
        sections = json.loads(file.read_text("utf-8"))
    except ValueError:
        sections = None
    if not isinstance(sections, dict):
        raise UsageError(f"json is {str(file)!r}; allowed: a new file, or one that bench.py wrote")
    return sections


def _subjects(given: Any) -> list[str]:
    """What is timed; nothing, if only other sections are asked for."""
    if given.subjects is not None:
        return given.subjects.split(",")
    beside = [*(PEERS if given.peers else ()), *(LIMITS if given.limit else ())]
    if beside or not any(getattr(given, section) for section in _SECTIONS):
        return [*beside, *OURS]
    return []


def _speed(given: Any) -> tuple[list[Any], list[Table]]:
    sizes = [*SIZES] if given.size == "both" else [given.size]
    found = compare(_subjects(given), sizes, given.repeats, given.seconds, given.threads, _say)
    tables = [speed_table(size, found) for size in sizes]
    return found, [*tables, limit_table(found), targets_table(found)]


def _profile(given: Any) -> tuple[list[Any], list[Table]]:
    found = []
    for name in CASES:
        _say(f"where the time goes: {name}")
        found.append(break_down(name, 2 * given.seconds, given.threads))
    return found, [breakdown_table(found)]


def _scaling(given: Any) -> tuple[list[Any], list[Table]]:
    found = sweep(given.seconds / 5, given.threads, _say)
    if given.picture:
        draw(found, given.picture)
    return found, [scaling_table(found)]


def _solve(given: Any) -> tuple[list[Any], list[Table]]:
    found = solve([*SOLVERS], given.repeats, given.threads, _say)
    return found, [solve_table(found)]


def _audit(given: Any) -> tuple[list[Any], list[Table]]:
    costs, slowdowns = audit_costs(20 * given.repeats), training_slowdown(4 * given.repeats)
    return [*costs, *slowdowns], [audit_cost_table(costs), slowdown_table(slowdowns)]


_MEASURED = {
    "speed": _speed,
    "profile": _profile,
    "scaling": _scaling,
    "solve": _solve,
    "audit": _audit,
}


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
