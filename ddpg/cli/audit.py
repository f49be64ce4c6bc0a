"""Audit a run or an agent: which update reached, wrote and moved which module.

`python scripts/audit.py runs/NAME` audits a run's agent, `python scripts/audit.py module:factory`
an agent of your own.
"""

import importlib
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ddpg.cli.command import command
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.errors import CheckpointError, ConfigError, UsageError
from ddpg.evaluation.audit import advise_stops, contract_and_updates, details_of, rounds_of
from ddpg.isolation import Contract, ContractError, Report, audit
from ddpg.runs.files import write_file

Updates = Mapping[str, Callable[[], Any]]
_ALLOWED = "the folder of a run, or module:factory"


@command("audit")
def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the contract is kept and 1 if it is broken; a usage error exits with 2."""
    parsed = make_parser().parse_args(arguments)
    report = _report(parsed.subject, parsed.rounds)
    if parsed.json:
        write_file(parsed.json, report.to_json())
    if parsed.html:
        write_file(parsed.html, report.to_html(_details(parsed.subject)))
    console = Console()
    console.print(report.table())
    console.print(report.summary(), markup=False, highlight=False, soft_wrap=True)
    return 0 if report.kept else 1


def load(subject: str) -> tuple[Contract, Updates]:
    """Return the contract and the updates of a run folder or of `module:factory`.

    Raises:
        UsageError: `subject` is neither, or cannot be read.
        Exception: the user's module or function raised it.
    """
    if ":" in subject and not Path(subject).is_dir():
        return _call_factory(subject)
    try:
        return contract_and_updates(Path(subject))
    except (ConfigError, CheckpointError) as error:
        raise UsageError(f"{error}; allowed: {_ALLOWED}") from error


def _report(subject: str, rounds: int | None) -> Report:
    try:
        contract, updates = load(subject)
        run = Path(subject) if Path(subject).is_dir() else None
        if rounds is None and run:
            rounds = rounds_of(run)
        report = audit(contract, updates, rounds=rounds)
        if run:
            report.findings = advise_stops(run, report.findings)
        return report
    except ContractError as error:
        raise UsageError(str(error)) from error
    except UsageError:
        raise
    except Exception as error:  # The user's own code can raise anything.
        raise UsageError(f"{subject} raised {_description(error)}") from error


def _details(subject: str) -> dict[str, str]:
    """Return the lines that name the subject and the command on the page."""
    named = details_of(Path(subject)) if Path(subject).is_dir() else {"Agent": subject}
    return {**named, "Command": shlex.join(sys.orig_argv)}


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(
        prog=program("audit"),
        description="Report which update reached, wrote and moved which module.",
        epilog="Exit status: 0 the contract is kept, 1 it is broken, 2 a usage error.",
    )
    parser.add_argument(
        "subject",
        help=f"{_ALLOWED}, a function without arguments that returns (contract, updates)",
    )
    parser.add_argument("--json", type=Path | None, metavar="FILE", help="write the report as JSON")
    parser.add_argument(
        "--html", type=Path | None, metavar="FILE", help="write the report as a page"
    )
    parser.add_argument(
        "--rounds",
        type=int | None,
        help="how often the updates run, ≥ 1; default: until every part has run twice; for a run: "
        "2, or the period of its stop manual",
    )
    return parser


def _call_factory(text: str) -> tuple[Contract, Updates]:
    """Return the result of the function that `module:factory` names.

    Raises:
        UsageError: there is no such function, or its result is not allowed.
        Exception: the user's module or function raised it.
    """
    module_name, _, factory_name = text.partition(":")
    if not (module_name and factory_name):
        raise UsageError(f"subject: {text!r} is not allowed; allowed: {_ALLOWED}")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.split(".")[0] != error.name.split(".")[0]:
            raise
        raise UsageError(
            f"cannot import {module_name}: it is not in this folder or on the path"
        ) from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise UsageError(f"cannot call {text}: {module_name} has no function {factory_name!r}")
    result = factory()
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Contract)):
        raise UsageError(
            f"{text}: a result of type {type(result).__name__} is not allowed; "
            "allowed: (contract, updates)"
        )
    return result


def _description(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}: {first}"
