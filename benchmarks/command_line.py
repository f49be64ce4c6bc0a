"""Command line of `scripts/bench.py`."""

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from benchmarks.report.document import fill_document, has_places
from benchmarks.report.tables import MeasuredTable
from benchmarks.sections.audit_cost import (
    audit_cost_table,
    measure_audit_costs,
    measure_slowdowns,
    slowdown_table,
)
from benchmarks.sections.breakdown import CASES, break_down, breakdown_table
from benchmarks.sections.scaling import draw_scaling, measure_scaling, scaling_table
from benchmarks.sections.script_cost import measure_script_costs, script_cost_table
from benchmarks.sections.solve import SOLVER_PEERS, SOLVERS, measure_solving, solve_table
from benchmarks.sections.speed import limit_table, measure_speeds, speed_table
from benchmarks.sections.targets import targets_table
from benchmarks.subjects.registry import LIMITS, OURS, PEERS, SUBJECTS, missing_package
from benchmarks.timing.cores import available_cores
from benchmarks.timing.machine import describe_machine
from benchmarks.workload import SIZES
from ddpg.cli.command import command
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.errors import UsageError
from ddpg.runs.files import require_output, write_file

_PROGRAM = "bench.py"
_WIDTH = 200
"""Columns of a table that is printed into a file."""
_SWITCHES = ("profile", "scaling", "solve", "audit", "script")
"""Sections with a switch of the same name. `speed` has --peers, --limit and --subjects."""


@command("bench", interrupted="interrupted; the running section is lost")
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the chosen sections; return 0."""
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(given)
    for name in ("peers", "limit", *_SWITCHES) if options.all else ():
        setattr(options, name, True)
    _check_options(options)
    for section in SECTIONS:
        if _subjects(options) if section == "speed" else getattr(options, section):
            # Printed and stored at once, so that a failure of the next section loses nothing.
            _run_section(section, options, shlex.join(["scripts/bench.py", *given]))
    return 0


def _run_section(section: str, options: Any, command_line: str) -> None:
    """Measure one section, print its tables, and write them to the requested files."""
    machine = {**describe_machine(), "command": command_line}
    results, tables = SECTIONS[section](options)
    tables = [table for table in tables if table.rows]
    for table in tables:
        Console(width=None if sys.stdout.isatty() else _WIDTH).print(table.for_terminal())
    if options.json:
        sections = _stored_sections(options.json)
        sections[section] = {"machine": machine, "results": [asdict(each) for each in results]}
        write_file(options.json, json.dumps(sections, indent=1) + "\n")
    if options.document:
        fill_document(options.document, machine, tables)


def _parser() -> OneSentenceParser:
    parser = OneSentenceParser(
        prog=_PROGRAM,
        description="Time one environment step with one update of critic and actor on Pendulum-v1. "
        "Each subject runs in its own processes, which take turns.",
    )
    parser.add_argument(
        "--peers",
        action="store_true",
        help=f"measure {', '.join(PEERS)} too (extras peers, peers-jax)",
    )
    parser.add_argument(
        "--limit",
        action="store_true",
        help="measure bare matrix products and environment steps too",
    )
    parser.add_argument(
        "--subjects", help=f"measure only these, separated by commas: {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--profile", action="store_true", help="time of a step by part")
    parser.add_argument("--scaling", action="store_true", help="speed of 1 to 64 members")
    parser.add_argument(
        "--solve",
        action="store_true",
        help="time from the command to a solved Pendulum, for this agent and two peers",
    )
    parser.add_argument("--audit", action="store_true", help="cost of an audit")
    parser.add_argument(
        "--script", action="store_true", help="cost of a training script under `ddpg audit run`"
    )
    parser.add_argument("--all", action="store_true", help="all of the above except --subjects")
    parser.add_argument(
        "--size", choices=[*SIZES, "both"], default="small", help="size of networks and batch"
    )
    parser.add_argument("--repeats", type=int, default=5, help="processes per subject, ≥ 1")
    parser.add_argument("--seconds", type=float, default=5.0, help="timed seconds per process, > 0")
    parser.add_argument("--threads", type=int, default=1, help="threads and cores per process, ≥ 1")
    parser.add_argument("--picture", type=Path | None, help="file for the picture of --scaling")
    parser.add_argument("--json", type=Path | None, help="file for all measurements, by section")
    parser.add_argument("--document", type=Path | None, help="Markdown file whose tables to update")
    return parser


def _check_options(options: Any) -> None:
    """Refuse, before anything is measured, options that cannot be used."""
    if options.repeats < 1:
        _refuse("repeats", options.repeats, "a whole number ≥ 1")
    if not 0 < options.seconds < float("inf"):
        _refuse("seconds", f"{options.seconds:g}", "a number > 0")
    cores = len(available_cores())
    if not 1 <= options.threads <= cores:
        _refuse("threads", options.threads, f"1 to {cores}, the number of cores")
    for name in _subjects(options):
        if name not in SUBJECTS:
            _refuse("subjects", repr(name), ", ".join(SUBJECTS))
    missing = missing_package([*_subjects(options), *(SOLVER_PEERS if options.solve else ())])
    if missing:
        raise UsageError(missing)
    _check_files(options)


def _check_files(options: Any) -> None:
    """Refuse, before anything is measured, files that could not be written."""
    if options.document and not options.document.is_file():
        _refuse("document", repr(str(options.document)), "a file that exists")
    for name in ("json", "picture"):
        file = getattr(options, name)
        if file and not file.parent.is_dir():
            _refuse(name, repr(str(file)), "a file in a folder that exists")
        if file:
            require_output(file)
    if options.document and not has_places(options.document):
        _refuse(
            "document",
            repr(str(options.document)),
            "a file with places for tables, `<!-- measured NAME -->`, each with its `<!-- end -->`",
        )
    if options.json:
        _stored_sections(options.json)
    if options.picture and options.picture.suffix not in (".png", ".pdf", ".svg"):
        _refuse("picture", repr(str(options.picture)), "a name that ends in .png, .pdf or .svg")
    if options.picture and not options.scaling:
        _refuse("picture", repr(str(options.picture)), "together with --scaling")


def _refuse(setting: str, value: object, rule: str) -> NoReturn:
    raise UsageError(f"{setting}: {value} is not allowed; allowed: {rule}")


def _stored_sections(file: Path) -> dict[str, Any]:
    """Return the sections that an earlier run wrote with `--json`; refuse any other file."""
    if not file.exists():
        return {}
    try:
        sections = json.loads(file.read_text("utf-8"))
    except ValueError:
        sections = None
    if not isinstance(sections, dict):
        _refuse("json", repr(str(file)), "a new file, or one that bench.py wrote")
    return sections


def _subjects(options: Any) -> list[str]:
    """Return the names of the subjects to time; none if only other sections are chosen."""
    if options.subjects is not None:
        return options.subjects.split(",")
    others = [*(PEERS if options.peers else ()), *(LIMITS if options.limit else ())]
    if others or not any(getattr(options, section) for section in _SWITCHES):
        return [*others, *OURS]
    return []


def _speed(options: Any) -> tuple[list[Any], list[MeasuredTable]]:
    sizes = [*SIZES] if options.size == "both" else [options.size]
    speeds = measure_speeds(
        _subjects(options), sizes, options.repeats, options.seconds, options.threads, _print_line
    )
    tables = [speed_table(size, speeds) for size in sizes]
    return speeds, [*tables, limit_table(speeds), targets_table(speeds)]


def _profile(options: Any) -> tuple[list[Any], list[MeasuredTable]]:
    breakdowns = []
    for name in CASES:
        _print_line(f"time of a step by part: {name}")
        breakdowns.append(break_down(name, 2 * options.seconds, options.threads))
    return breakdowns, [breakdown_table(breakdowns)]


def _scaling(options: Any) -> tuple[list[Any], list[MeasuredTable]]:
    points = measure_scaling(options.seconds / 5, options.threads, _print_line)
    if options.picture:
        draw_scaling(points, options.picture)
    return points, [scaling_table(points)]


def _solve(options: Any) -> tuple[list[Any], list[MeasuredTable]]:
    runs = measure_solving([*SOLVERS], options.repeats, options.threads, _print_line)
    return runs, [solve_table(runs)]


def _audit(options: Any) -> tuple[list[Any], list[MeasuredTable]]:
    costs = measure_audit_costs(20 * options.repeats)
    slowdowns = measure_slowdowns(4 * options.repeats)
    return [*costs, *slowdowns], [audit_cost_table(costs), slowdown_table(slowdowns)]


def _script(options: Any) -> tuple[list[Any], list[MeasuredTable]]:
    costs = measure_script_costs(options.repeats)
    return [*costs], [script_cost_table(costs)]


SECTIONS = {
    "speed": _speed,
    "profile": _profile,
    "scaling": _scaling,
    "solve": _solve,
    "audit": _audit,
    "script": _script,
}
"""Name -> function from the options to results (dataclasses) and their tables."""


def _print_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
