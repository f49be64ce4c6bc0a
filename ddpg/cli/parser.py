"""The command line of `scripts/train.py`, made from the config: `--config`, any field, `--help`."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn, get_type_hints

import yaml
from jsonargparse import ActionYesNo, ArgumentParser, Namespace

from ddpg.cli.command import fail
from ddpg.config.settings import SETTINGS, Config, module_in_a_file, unknown_setting
from ddpg.config.yaml_file import read_settings
from ddpg.errors import ConfigError
from ddpg.runs.folder import RunFolder

_WIDER: dict[Any, Any] = {
    int: int | float,
    tuple[int, ...]: list[Any],
    dict[str, bool | int | float | str]: dict[str, Any],
}
"""Type of a setting -> what the parser takes; whether 1e4 is a whole number, Config says."""


class OneSentenceParser(ArgumentParser):
    """A parser whose errors are one sentence and exit status 2."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:  # noqa: ARG002 (theirs)
        number = re.search(
            r"""Parser key "(\w+)"[^"]*<class '(int|float)'>[^"]*value: (\S*)""", message
        )
        if number:
            allowed = {"int": "a whole number", "float": "a number"}[number[2]]
            message = f"{number[1]}: {_plain(number[3])!r} is not allowed; allowed: {allowed}"
        fail(self.prog, message)


class _ConfigParser(OneSentenceParser):
    """Says of a setting that is not allowed what is; a file's `module:id` is not taken."""

    refused: str | None = None
    """The sentence about the `module:id` that a file named, for when nobody names another env."""

    def parse_path(self, path: str | os.PathLike[str], *_: Any, **__: Any) -> Namespace:
        """Called for `--config`; what the file holds is read by our own rules."""
        try:
            settings = read_settings(Path(path))
        except ConfigError as error:
            fail(self.prog, error)
        for name in settings:
            if name not in get_type_hints(Config):
                fail(self.prog, unknown_setting(str(name)))
        env = settings.get("env")
        if isinstance(env, str) and ":" in env:
            self.refused = module_in_a_file(Path(path), env)
            del settings["env"]
        return self.parse_object(settings, env=False, defaults=False, _skip_validation=True)

    def parse_string(self, content: str, *_: Any, **__: Any) -> NoReturn:
        """Called for a `--config` that is no file."""
        fail(self.prog, f"config is {content!r}; allowed: a YAML file of settings")

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        setting = re.search(r'Parser key "(\w+)"', message)
        value = re.search(r"(?:Got|Given) value: (.*)", message)
        switch = re.search(r"argument --(\w+)/.* invalid _boolean_type value: '(.*)'", message)
        unknown = re.search(r"unrecognized arguments: --(\w+)", message)
        path = re.search(r'Parser key "config": (.*): (.*)', message)
        if setting and value and setting[1] in get_type_hints(Config):
            message = SETTINGS[setting[1]].refusal(_plain(value[1]))
        elif switch:
            message = SETTINGS[switch[1]].refusal(switch[2])
        elif unknown:
            message = unknown_setting(unknown[1])
        elif path:
            message = f"config is {path[2]}: {path[1]}; allowed: a YAML file of settings"
        super().error(message, ex)


def parse_config(arguments: Sequence[str] | None = None) -> Config:
    """The config that the command line asks for; with `--resume`, over the run's own settings.

    Raises:
        ConfigError: a setting is not allowed.
        SystemExit: the command line cannot be read, or asks for help.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parser.refused and parsed.env == Config().env:
        raise ConfigError(parser.refused)
    if parsed.resume and parsed.name:
        stored = RunFolder(Path(parsed.runs) / parsed.name).load_config(parsed.env)
        parser.set_defaults(stored.to_dict())
        parsed = parser.parse_args(arguments)
    return Config.from_dict(_settings(parsed))


def _parser() -> _ConfigParser:
    parser = _ConfigParser(
        prog="train.py",
        description="Train DDPG, and see which parameters each loss reached.",
        allow_abbrev=False,
    )
    parser.add_argument("--config", action="config", help="YAML file of settings")
    hints = get_type_hints(Config)
    defaults = Config()
    for field in dataclasses.fields(Config):
        flag, default = f"--{field.name}", getattr(defaults, field.name)
        text, hint = SETTINGS[field.name].help_text, hints[field.name]
        if hint is bool:
            parser.add_argument(flag, action=ActionYesNo, nargs="?", default=default, help=text)
        else:
            taken = _WIDER.get(hint, hint)
            parser.add_argument(flag, type=taken, default=default, help=text)
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
