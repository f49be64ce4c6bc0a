"""The command line of `scripts/audit.py`."""

import argparse
import importlib
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from ddpg.errors import UsageError
from ddpg.isolation.auditing import audit
from ddpg.isolation.contract import Contract, ContractError
from ddpg.isolation.report import Report
from ddpg.runs.files import write_file

KEPT, BROKEN, USAGE = 0, 1, 2
Subject = tuple[Contract, Mapping[str, Callable[[], Any]]]


def main(
    find: Callable[[str], Subject], subjects: str, arguments: Sequence[str] | None = None
) -> int:
    """Audit what the command line names.

    Args:
        find: what the subject's name stands for; raises UsageError.
        subjects: the help on such names.
        arguments: those of the process, if left out.

    Returns:
        0 if the contract is kept, 1 if it is broken. Leaves with 2 on a usage error.
    """
    parser = _parser(subjects)
    parsed = parser.parse_args(arguments)
    try:
        contract, updates = find(parsed.subject)
        report = audit(contract, updates, rounds=parsed.rounds)
    except (UsageError, ContractError) as error:
        _fail(parser, str(error))
    except Exception as error:  # the user's own code: any error can come out of it
        _fail(parser, f"{parsed.subject} raised {_described(error)}")
    for path, content in ((parsed.json, Report.to_json), (parsed.html, Report.to_html)):
        if path is not None:
            _write(parser, path, content(report))
    console = Console()
    console.print(report.table())
    console.print(report.summary(), markup=False, highlight=False, soft_wrap=True)
    return KEPT if report.kept else BROKEN


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        _fail(self, message)


def _parser(subjects: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="audit.py",
        description="Say what each update reached, wrote and moved, against its contract.",
        epilog="Exit status: 0 the contract is kept, 1 it is broken, 2 a usage error.",
    )
    parser.add_argument("subject", help=subjects)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page")
    parser.add_argument(
        "--rounds", type=int, default=2, help="how often the updates run (default: 2)"
    )
    return parser


def factory_subject(text: str) -> Subject:
    """The contract and the updates that `module:factory` returns.

    Raises:
        UsageError: there is no such function, or it returns something else.
        Exception: what the user's module or function raised.
    """
    module_name, colon, factory_name = text.partition(":")
    if not (module_name and colon and factory_name):
        raise UsageError(f"the subject is {text!r}: it takes module:factory")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and module_name.split(".")[0] != error.name.split(".")[0]:
            raise
        raise UsageError(f"there is no module {module_name!r} here or on the path") from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise UsageError(f"the module {module_name!r} has no function {factory_name!r}")
    made = factory()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], Contract)):
        raise UsageError(
            f"{text} returned a {type(made).__name__}: it has to return (contract, updates)"
        )
    return made


def _described(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__} at {place.filename}:{place.lineno}: {first}"


def _write(parser: argparse.ArgumentParser, path: Path, content: str) -> None:
    """The whole file or none."""
    try:
        write_file(path, content)
    except OSError as error:
        _fail(parser, f"{path} cannot be written: {error.strerror}")


def _fail(parser: argparse.ArgumentParser, sentence: str) -> NoReturn:
    print(f"{parser.prog}: error: {' '.join(sentence.split())}", file=sys.stderr)
    raise SystemExit(USAGE)
