"""The command `gradient-isolation`: audit the agent that a function of the user makes."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from . import __version__
from .auditing import audit
from .contract import ContractError
from .extras import MissingExtraError
from .factory import SUBJECT, SubjectError, description, load_factory
from .report import Report
from .run_command import HELP, RUN
from .run_command import main as run

PROGRAM = "gradient-isolation"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if the contract is kept and 1 if it is broken; a usage error exits with 2."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [RUN]:
        return run(given[1:], f"{PROGRAM} {RUN}")
    parser = _parser()
    parsed = parser.parse_args(given)
    report = _report(parser, parsed.subject, parsed.rounds)
    try:
        if parsed.json:
            parsed.json.write_text(report.to_json(), encoding="utf-8")
        if parsed.html:
            details = {"Agent": parsed.subject, "Command": shlex.join(sys.orig_argv)}
            parsed.html.write_text(report.to_html(details), encoding="utf-8")
    except MissingExtraError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot write {error.filename}: {error.strerror}")
    if find_spec("rich"):
        from rich import print as print_table

        print_table(report.table())
    print(report.summary())
    return 0 if report.kept else 1


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog=PROGRAM,
        description="Report which update reached, wrote and moved which module.",
        epilog=f"{HELP} Exit status: 0 the contract is kept, 1 it is broken, 2 a usage error.",
    )
    parser.add_argument(
        "subject",
        help=f"{SUBJECT}, a function without arguments that returns (contract, updates)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often the updates run, ≥ 1; default: 2"
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    return parser


def _report(parser: _Parser, subject: str, rounds: int) -> Report:
    try:
        contract, updates = load_factory(subject)
        return audit(contract, updates, rounds=rounds)
    except (ContractError, SubjectError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # The user's own code can raise anything, SystemExit too.
        parser.error(f"{subject} raised {description(error)}")
