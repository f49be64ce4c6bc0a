"""The command line of `scripts/train.py`, made from the config: `--config`, any field, `--help`."""

import dataclasses
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

import yaml
from jsonargparse import ActionYesNo, ArgumentParser, Namespace

from ddpg.config import Config, help_text, unknown_setting, value_error
from ddpg.faults import RunWarning
from ddpg.run_folder import RunFolder
from ddpg.stops import StopWarning


class OneSentenceParser(ArgumentParser):
    """A parser whose errors are one sentence and exit status 2."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # noqa: ARG002 (theirs)
        fail(self.prog, message)


class _ConfigParser(OneSentenceParser):
    """Says of a setting that is not allowed what is."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        setting = re.search(r'Parser key "(\w+)"', message)
        value = re.search(r"(?:Got|Given) value: (.*)", message)
        unknown = re.search(
            r"unrecognized arguments: --(\w+)|Option '(\w+)' is not accepted", message
        )
        if setting and value and setting[1] in get_type_hints(Config):
            message = value_error(setting[1], _plain(value[1]))
        elif unknown:
            message = unknown_setting(unknown[1] or unknown[2])
        elif message.startswith("Problems parsing config:"):
            message = message.replace("Problems parsing config:", "config is no YAML file:")
        elif message.startswith("Unexpected config"):
            message = "config holds no settings; allowed: a YAML file that maps names to values"
        super().error(message, ex)


def fail(program: str, message: object) -> NoReturn:
    """Leave with exit status 2 and one line on standard error."""
    print(f"{program}: error: {' '.join(str(message).split())}", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def one_sentence_warnings(program: str) -> Iterator[None]:
    """Inside, what a stop or a run warns of is one line on standard error, and told once."""

    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, (StopWarning, RunWarning)):
            usual(message, category, *place, **more)
        elif str(message) not in told:
            # The command line, the run's folder and the agent each check the same setting.
            told.add(str(message))
            print(f"{program}: warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        # Not `once`: what it remembers is forgotten whenever anybody changes a filter.
        warnings.simplefilter("always", StopWarning)
        warnings.simplefilter("always", RunWarning)
        usual, warnings.showwarning = warnings.showwarning, show
        yield


def parse_config(arguments: Sequence[str] | None = None) -> Config:
    """The config that the command line asks for; with `--resume`, over the run's own settings.

    Raises:
        ConfigError: a setting is not allowed.
        SystemExit: the command line cannot be read, or asks for help.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.resume and parsed.name:
        stored = RunFolder(Path(parsed.runs) / parsed.name).load_config()
        parser.set_defaults(stored.to_dict())
        parsed = parser.parse_args(arguments)
    return Config.from_dict(_settings(parsed))


def _parser() -> ArgumentParser:
    parser = _ConfigParser(
        prog="train.py", description="Train DDPG, and see which parameters each loss reached."
    )
    parser.add_argument("--config", action="config", help="YAML file of settings")
    hints = get_type_hints(Config)
    defaults = Config()
    for field in dataclasses.fields(Config):
        flag, default = f"--{field.name}", getattr(defaults, field.name)
        text, hint = help_text(field.name), hints[field.name]
        if hint is bool:
            parser.add_argument(flag, action=ActionYesNo, default=default, help=text)
        else:
            parser.add_argument(flag, type=hint, default=default, help=text)
    return parser


def _plain(text: str) -> object:
    """The value that `text` is in YAML, or the text itself where it is none."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _settings(parsed: Namespace) -> dict[str, object]:
    settings = vars(parsed)
    del settings["config"]
    return settings
