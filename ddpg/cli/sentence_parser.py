"""Command-line parser whose errors are one sentence. It imports no PyTorch."""

import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, set_dumper, set_loader

from ddpg.cli.command import fail
from ddpg.cli.help_formatter import HelpFormatter
from ddpg.config.yaml_file import read_value, settings_text
from ddpg.errors import ConfigError


class OneSentenceParser(ArgumentParser):
    """Parser whose errors are one sentence and exit status 2.

    The words of an option's name may be joined by `-` or `_`.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, formatter_class=HelpFormatter, parser_mode=_MODE, **options)

    def parse_args(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Parse `args`, by default those of the process."""
        words = [*(sys.argv[1:] if args is None else args)]
        end = words.index("--") if "--" in words else len(words)
        words[:end] = [self._option_as_declared(word) for word in words[:end]]
        return super().parse_args(words, *more, **options)

    def _option_as_declared(self, word: str) -> str:
        """Return `--actor-stop=x` as `--actor_stop=x`, if that is the name; change no value."""
        name = re.match(r"--[\w-]+", word)
        if not name:
            return word
        declared = {_underscored(option): option for option in self._option_string_actions}
        return declared.get(_underscored(name[0]), name[0]) + word[name.end() :]

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # noqa: ARG002 (inherited)
        number = re.search(
            r"""Parser key "(\w+)"[^"]*<class '(int|float)'>[^"]*value: (\S*)""", message
        )
        if number:
            allowed = {"int": "a whole number", "float": "a number"}[number[2]]
            message = f"{number[1]}: {plain_value(number[3])!r} is not allowed; allowed: {allowed}"
        choice = re.search(
            r"argument --([\w-]+): invalid choice: (.*) \(choose from (.*)\)", message
        )
        if choice:
            message = f"{choice[1]}: {choice[2]} is not allowed; allowed: {choice[3]}"
        fail(self.prog, message)


def _underscored(option: str) -> str:
    return "--" + option.removeprefix("--").replace("-", "_")


def plain_value(text: str) -> object:
    """Return the YAML value of `text`, or `text` itself if it is not YAML."""
    try:
        return read_value(text)
    except ConfigError:
        return text


_MODE = "settings"
"""Mode of jsonargparse in which the command line is read and printed as a file of settings is."""
set_loader(_MODE, read_value, (ConfigError,))
set_dumper(_MODE, settings_text)
