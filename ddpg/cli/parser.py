"""Command line of a training: every setting of the config is an option."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import (
    ActionConfigFile,  # pyright: ignore[reportPrivateImportUsage]  documented, not in __all__
    ActionYesNo,
    Namespace,
)

from ddpg.cli.command import fail
from ddpg.cli.help_formatter import examples
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser, plain_value
from ddpg.cli.settings_help import GROUPS, help_text, metavar, stops_help
from ddpg.config.environment import module_message
from ddpg.config.packaged import packaged_file, packaged_names
from ddpg.config.settings import SETTINGS, Config, unknown_setting_message
from ddpg.config.types import EnvironmentSource
from ddpg.config.yaml_file import read_settings
from ddpg.errors import ConfigError
from ddpg.runs.folder import RunFolder

_WIDER_TYPES: dict[Any, Any] = {
    int: int | float,
    str | None: str,
    tuple[int, ...]: list[Any],
    tuple[str, ...]: list[Any],
    EnvironmentSource: str,
}
"""Type of a setting -> type that the parser accepts, where Config decides (1e4 is an integer)."""

_ALLOWED_FILE = f"a YAML file of settings, or one of {', '.join(packaged_names())}"


class _ConfigParser(OneSentenceParser):
    """Parser of settings whose errors name the allowed values."""

    refused_module: str | None = None
    """Error message for the `env: module:id` of a file, unless the command line names an env."""

    def parse_path(self, path: str | os.PathLike[str], *_: Any, **__: Any) -> Namespace:
        """Parse the file of `--config` with `read_settings`; jsonargparse calls this."""
        try:
            settings = read_settings(Path(path))
        except ConfigError as error:
            fail(self.prog, error)
        for name in settings:
            if name not in SETTINGS:
                fail(self.prog, unknown_setting_message(str(name)))
        env = settings.get("env")
        if isinstance(env, str) and ":" in env:
            self.refused_module = module_message(Path(path), env)
            del settings["env"]
        return self.parse_object(settings, env=False, defaults=False, _skip_validation=True)

    def parse_string(self, content: str, *_: Any, **__: Any) -> NoReturn:
        """Refuse a `--config` that is not a file; jsonargparse calls this."""
        fail(self.prog, f"config: {content!r} is not allowed; allowed: {_ALLOWED_FILE}")

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        setting = re.search(r'Parser key "(\w+)"', message)
        value = re.search(r"(?:Got|Given) value: (.*)", message)
        switch = re.search(r"argument --(\w+)/.* invalid _boolean_type value: '(.*)'", message)
        unknown = re.search(r"unrecognized arguments: --([\w-]+)", message)
        path = re.search(r"Parser key \"config\": (.*): '(.*)'", message)
        if setting and value and setting[1] in SETTINGS:
            message = SETTINGS[setting[1]].refusal(plain_value(value[1]))
        elif switch:
            message = SETTINGS[switch[1]].refusal(switch[2])
        elif unknown:
            message = unknown_setting_message(unknown[1])
        elif path:
            message = f"cannot read {path[2]}: {path[1]}; allowed: {_ALLOWED_FILE}"
        super().error(message, ex)


class _ConfigFile(ActionConfigFile):
    """Option whose value is a file of settings, or the name of a packaged one."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: Any = None) -> None:
        super().__call__(parser, cfg, str(packaged_file(values) or values), option_string)


def parse_config(arguments: Sequence[str] | None = None) -> Config:
    """Return the config of a command line; with `--resume`, based on the run's own settings.

    Raises:
        ConfigError: a setting is not allowed.
        SystemExit: the command line cannot be parsed, or asks for help.
    """
    parser = make_parser()
    parsed = parser.parse_args(arguments)
    if parser.refused_module and parsed.env == Config().env:
        raise ConfigError(parser.refused_module)
    if parsed.resume and parsed.name:
        stored = RunFolder(Path(parsed.runs) / parsed.name).load_config(parsed.env)
        # A run continues where it was found, which may be a renamed folder or a copy.
        place = {"runs": parsed.runs, "name": parsed.name}
        parser.set_defaults({**stored.to_dict(), **place})
        parsed = parser.parse_args(arguments)
    settings = vars(parsed)
    del settings["config"]
    return Config.from_dict(settings)


def make_parser() -> _ConfigParser:
    """Return the parser of `train`: every setting is an option."""
    parser = _ConfigParser(
        prog=program("train"),
        usage="%(prog)s [--SETTING VALUE ...]",
        description="Train DDPG, and record which parameters each loss reached. "
        "--actor-stop is the same as --actor_stop.",
        epilog=examples(
            ("train", "--stop", "none", "--members", "8"),
            ("train", "--config", "paper", "--name", "paper"),
            ("train", "--resume", "--name", "paper", "--steps", "100000"),
        ),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        action=_ConfigFile,
        metavar="FILE",
        help="YAML file of settings, or the name of a packaged one, such as pendulum",
    )
    printing = next(a for a in parser._actions if "--print_config" in a.option_strings)
    printing.help, printing.metavar = "print all settings as YAML, and exit", ""
    defaults = Config()
    group = parser
    for name, setting in SETTINGS.items():
        if name in GROUPS:
            about = stops_help() if name == "stop" else None
            group = parser.add_argument_group(GROUPS[name], about)
        default = getattr(defaults, name)
        options: dict[str, Any] = {"default": default, "help": help_text(setting, default)}
        if setting.type is bool:
            options |= {"action": ActionYesNo, "nargs": "?"}
        else:
            options["type"] = _WIDER_TYPES.get(setting.type, setting.type)
        if shown := metavar(setting):
            options["metavar"] = shown
        group.add_argument(f"--{name}", **options)
    return parser
