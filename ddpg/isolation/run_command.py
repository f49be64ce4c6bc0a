"""The command `run`: the inventory of a training script as it is."""

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from .contract import Contract, ContractError, listed
from .extras import MissingExtraError
from .factory import description
from .survey.discovery import Discovery
from .survey.loop_watch import ScriptError
from .survey.script import Watched, run_script
from .survey.survey import Survey

RUN = "run"
"""First argument of the commands that begins this one."""
HELP = "`run SCRIPT` reports on a training script as it is: see `run --help`."


def main(arguments: Sequence[str], program: str) -> int:
    """Return 0 for an inventory or a kept contract, 1 for a broken contract, 2 for a failure."""
    parser = run_parser(program)
    parsed = parser.parse_args(arguments)
    _check(parsed, parser)
    make_contract = _contract_of(parsed.contract, parser) if parsed.contract else None
    try:
        watched = run_script(
            parsed.script,
            parsed.arguments,
            parsed.after,
            parsed.cycles,
            parsed.go_on,
            make_contract,
        )
        return _write(watched, parsed)
    except (ContractError, MissingExtraError, ScriptError) as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"cannot write {error.filename}: {error.strerror}")


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def run_parser(program: str) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog=program,
        description="Run a training script as it is, watch some cycles of its loop, and report "
        "which modules each optimizer's losses reached, wrote and moved, with a proposed contract.",
        epilog="The script prints to standard output as without the audit. Exit status: 0 an "
        "inventory, or the contract is kept; 1 the contract is broken; 2 a usage error, a script "
        "that failed, or one without a complete cycle.",
    )
    add = parser.add_argument
    add("--after", type=int, default=10, metavar="N", help="watch after step N; default: 10")
    add("--cycles", type=int, default=4, metavar="K", help="cycles of the loop; default: 4")
    add("--continue", dest="go_on", action="store_true", help="let the script run to its end")
    add("--contract", type=Path, metavar="FILE", help="judge the cycles by this file's contract")
    add("--propose", type=Path, metavar="FILE", help="write the proposed contract")
    add("--output", type=Path, metavar="FILE", help="write the text, instead of standard error")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add("--html", type=Path, metavar="FILE", help="write the result as a page")
    add("script", type=Path, help="Python file; the options of the audit come before it")
    add("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the script")
    return parser


def _check(parsed: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Report a mistake in the arguments before the script runs."""
    if not parsed.script.is_file():
        parser.error(f"cannot run {parsed.script}: there is no such file")
    for name in ("after", "cycles"):
        value = getattr(parsed, name)
        if value < 1:
            parser.error(f"--{name}: {value} is not allowed; allowed: a whole number ≥ 1")
    if parsed.contract and parsed.propose:
        parser.error("--propose: is not allowed with --contract; allowed: one of them")
    for file in filter(None, (parsed.output, parsed.json, parsed.html, parsed.propose)):
        if not file.parent.is_dir():
            parser.error(f"cannot write {file}: there is no folder {file.parent}")
        if file.is_dir():
            parser.error(f"cannot write {file}: it is a folder")


def _contract_of(file: Path, parser: argparse.ArgumentParser) -> Callable[[Discovery], Contract]:
    """Return the function that makes the contract in a file from the variables of the script."""
    names: dict[str, object] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
    except OSError as error:
        parser.error(f"cannot read {file}: {error.strerror}")
    except Exception as error:  # The user's own code can raise anything.
        parser.error(f"{file} raised {description(error)}")
    function = names.get("contract")
    if not callable(function):
        parser.error(f"cannot use {file}: it has no function contract(...)")

    def contract(found: Discovery) -> Contract:
        wanted = list(inspect.signature(function).parameters)
        missing = [name for name in wanted if name not in found.roots]
        if missing:
            raise ContractError(
                f"{file}: contract({', '.join(wanted)}) is not allowed; allowed: arguments among "
                f"the variables of the script at the watched step: {listed(found.used_roots())}"
            )
        try:
            made = function(**{name: found.roots[name] for name in wanted})
        except ContractError:
            raise
        except Exception as error:  # The user's own code can raise anything.
            raise ContractError(f"{file} raised {description(error)}") from error
        if not isinstance(made, Contract) or len(made.updates) != 1:
            raise ContractError(
                f"{file}: the result of contract(...) is not allowed; allowed: a Contract with one "
                "update, the cycle of the loop"
            )
        return made

    return contract


def _write(watched: Watched, parsed: argparse.Namespace) -> int:
    report = watched.report
    lines = [report.summary(), *(f"note: {note}" for note in report.notes)]
    if watched.problem:
        lines.append(watched.problem)
    text = "\n".join(lines) + "\n"
    if parsed.json:
        parsed.json.write_text(report.to_json(), encoding="utf-8")
    if parsed.html:
        parsed.html.write_text(report.to_html({"Script": str(parsed.script)}), encoding="utf-8")
    if parsed.propose and isinstance(report, Survey):
        parsed.propose.write_text(report.contract_text, encoding="utf-8")
    if parsed.output:
        parsed.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.flush()
        sys.stderr.write(text)
    if watched.failed:
        return 2
    return 0 if isinstance(report, Survey) or report.kept else 1
