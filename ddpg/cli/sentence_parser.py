"""Command-line parser whose errors are one sentence. It imports no PyTorch."""

import re
from typing import NoReturn

import yaml
from jsonargparse import ArgumentParser

from ddpg.cli.command import fail


class OneSentenceParser(ArgumentParser):
    """Parser whose errors are one sentence and exit status 2."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # noqa: ARG002 (inherited)
        number = re.search(
            r"""Parser key "(\w+)"[^"]*<class '(int|float)'>[^"]*value: (\S*)""", message
        )
        if number:
            allowed = {"int": "a whole number", "float": "a number"}[number[2]]
            message = f"{number[1]}: {plain_value(number[3])!r} is not allowed; allowed: {allowed}"
        choice = re.search(r"argument --(\w+): invalid choice: (.*) \(choose from (.*)\)", message)
        if choice:
            message = f"{choice[1]}: {choice[2]} is not allowed; allowed: {choice[3]}"
        fail(self.prog, message)


def plain_value(text: str) -> object:
    """Return the YAML value of `text`, or `text` itself if it is not YAML."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
