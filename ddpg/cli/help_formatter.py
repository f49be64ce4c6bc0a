"""Format of `--help`: no types of Python, defaults that are set, lists in prose, and examples.

It imports no PyTorch.
"""

import re
import textwrap
from argparse import SUPPRESS, Action
from collections.abc import Iterator

from jsonargparse import DefaultHelpFormatter

from ddpg.cli.shell import own_command

_SWITCH = "{true,yes,false,no}"
"""Values of a switch, as the parser lists them."""


class HelpFormatter(DefaultHelpFormatter):
    """Formatter of help texts: defaults that are set, no types, and indented lists in prose."""

    def _get_help_string(self, action: Action) -> str:
        text = action.help or ""
        is_set = action.default not in (None, False, SUPPRESS, [])
        shows_default = is_set and action.option_strings and "default" not in text
        return f"{text} (default: %(default)s)" if shows_default else text

    def _format_action_invocation(self, action: Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        # The parser adds `--hidden+`, which appends to a list, and `--no_compile`.
        added = re.compile(r".*\+|--no_.*")
        names = ", ".join(name for name in action.option_strings if not added.fullmatch(name))
        if action.nargs == 0:
            return names
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{names} {value.replace(_SWITCH, 'true|false')}".rstrip()

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(_wrapped(text, width, indent))


def examples(*lines: tuple[str, ...]) -> str:
    """Return the end of a help text: one command line per example, command first."""
    return "\n".join(["examples:", *(f"  {own_command(*line)}" for line in lines)])


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    """Wrap paragraphs; an indented line stays a line of its own, with a hanging indent."""
    for line in re.sub(r"(?<=\S)\n(?=[^\s-])", " ", text.strip("\n")).splitlines():
        hanging = re.match(r"\s+(\S+\s{2,})?", line)
        further = " " * (len(hanging[0]) if hanging else 0)
        yield from textwrap.wrap(
            line,
            width,
            initial_indent=indent,
            subsequent_indent=indent + further,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
