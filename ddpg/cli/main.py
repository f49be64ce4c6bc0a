"""The command `ddpg`: one subcommand per script, the version, and shell completion."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

import ddpg
from ddpg.cli.command import USAGE, fail, start
from ddpg.errors import did_you_mean

COMMANDS = {
    "train": "train an agent, and record which parameters each loss reached",
    "evaluate": "score a run, or compare the weights of two runs",
    "export": "write a policy as .onnx, .pt2 or .npz",
    "compare": "train and compare stops, and write the report",
    "plot": "draw learning curves and separation of runs",
    "audit": "report which update of a run or an agent reached which module",
    "tutorial": "print the lesson on gradient stops, or check an exercise",
}
"""Subcommand, which is also the module's name in `ddpg.cli` -> help text."""
SHELLS = ("bash", "zsh", "tcsh")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status.

    Only the module of the subcommand is imported: `--help` and `--version` load no PyTorch.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in COMMANDS:
        return start(f"ddpg.cli.{given[0]}", given[1:])
    if given and not given[0].startswith("-"):
        fail(
            "ddpg",
            f"command: {given[0]!r} is not allowed{did_you_mean(given[0], COMMANDS)}; allowed: "
            f"{', '.join(COMMANDS)}",
        )
    parser = _parser()
    parsed = parser.parse_args(given)
    if parsed.print_completion:
        print(_completion(parsed.print_completion))
        return 0
    parser.print_help()
    return USAGE


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        fail("ddpg", message)


def _parser() -> _Parser:
    commands = "\n".join(f"  {name:<10}{text}" for name, text in COMMANDS.items())
    parser = _Parser(
        prog="ddpg",
        usage="ddpg COMMAND [OPTIONS]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="DDPG in which the path that a gradient takes is a setting, and is checked.",
        epilog=f"commands:\n{commands}\n\n`ddpg COMMAND --help` lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"ddpg {ddpg.__version__}")
    parser.add_argument(
        "--print_completion",
        choices=SHELLS,
        help='print the completion script of a shell: eval "$(ddpg --print_completion bash)"',
    )
    return parser


def _completion(shell: str) -> str:
    """Return the completion script of all subcommands for `shell`."""
    if find_spec("shtab") is None:
        fail(
            "ddpg", 'completion needs shtab; install it with: pip install "ddpg-stops[completion]"'
        )
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(prog="ddpg")
    subcommands = parser.add_subcommands()
    for name, text in COMMANDS.items():
        subparser = import_module(f"ddpg.cli.{name}").make_parser()
        subcommands.add_subcommand(name, subparser, help=text)
    return parser.get_completion_script(f"shtab-{shell}")
