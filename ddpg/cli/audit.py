"""Audit a run or an agent: which update reached, wrote and moved which module.

`python scripts/audit.py runs/NAME` audits a run's agent, `python scripts/audit.py module:factory`
an agent of your own, and `python scripts/audit.py run SCRIPT` reports on a training script.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ddpg.cli.command import command
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.errors import CheckpointError, ConfigError, UsageError
from ddpg.evaluation.audit import advise_stops, contract_and_updates, details_of, rounds_of
from ddpg.isolation import Contract, ContractError, Report, audit
from ddpg.isolation.factory import SUBJECT, SubjectError, Updates, description, load_factory
from ddpg.isolation.run_command import HELP, RUN
from ddpg.isolation.run_command import main as run_script
from ddpg.runs.files import require_output, write_file

_ALLOWED = f"the folder of a run, or {SUBJECT}"


@command("audit")
def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the contract is kept and 1 if it is broken; a usage error exits with 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [RUN]:
        return run_script(given[1:], f"{program('audit')} {RUN}")
    parsed = make_parser().parse_args(given)
    for file in filter(None, (parsed.json, parsed.html)):
        require_output(file)
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
        UsageError: the folder is not a run, or cannot be read.
        SubjectError: `subject` is neither.
        Exception: the user's module or function raised it.
    """
    if ":" in subject and not Path(subject).is_dir():
        return load_factory(subject, _ALLOWED)
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
    except (ContractError, SubjectError) as error:
        raise UsageError(str(error)) from error
    except (KeyboardInterrupt, UsageError):
        raise
    except BaseException as error:  # The user's own code can raise anything, SystemExit too.
        raise UsageError(f"{subject} raised {description(error)}") from error


def _details(subject: str) -> dict[str, str]:
    """Return the lines that name the subject and the command on the page."""
    named = details_of(Path(subject)) if Path(subject).is_dir() else {"Agent": subject}
    return {**named, "Command": shlex.join(sys.orig_argv)}


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(
        prog=program("audit"),
        description="Report which update reached, wrote and moved which module.",
        epilog=f"{HELP} Exit status: 0 the contract is kept, 1 it is broken, 2 a usage error.",
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
