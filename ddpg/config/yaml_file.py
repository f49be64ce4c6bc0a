"""YAML of settings, read and written: plain values only.

A file of settings may come from anyone. This loader is stricter than PyYAML's safe loader: no tags,
no aliases (a few lines of them can stand for billions of values), no deep nesting, no large files,
and no duplicate keys.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from ddpg.errors import ConfigError

LARGEST = 100_000
"""Largest size of a file of settings, in bytes. All settings together take about 2,000."""
_DEEPEST = 10
"""Levels of nesting."""
# No timestamps and no lone `=`, which no setting can have as a value.
_RESOLVED = {f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null")}
# 1e4 and 1e-3 are numbers in YAML 1.2, and text in PyYAML's YAML 1.1.
_EXPONENT = re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$")


def read_settings(path: Path) -> dict[Any, Any]:
    """Read a YAML file as a mapping of plain values.

    Raises:
        ConfigError: the file cannot be read, or is not a YAML mapping of plain values.
    """
    try:
        with path.open("rb") as file:
            # Limited here, because the size of a pipe or a device is unknown.
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > LARGEST:
        raise ConfigError(
            f"cannot read {path}: it is too large; allowed: up to {LARGEST:,} bytes of settings"
        )
    try:
        loader = _Loader(content.decode("utf-8"))
        loader.name = str(path)
        settings = loader.get_single_data()
    # ValueError: invalid UTF-8, or digits that are not a number.
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"cannot read {path} as YAML: {reason}") from error
    if not isinstance(settings, dict):
        raise ConfigError(
            f"cannot read {path}: it holds no settings; allowed: a mapping of names to values"
        )
    return settings


def read_value(text: str) -> Any:
    """Return the value of a text of the command line, as a YAML file would have it.

    Raises:
        ConfigError: the text is not YAML of plain values.
    """
    try:
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"cannot read {text!r} as YAML: {reason}") from error


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return `settings` as YAML that `read_settings` reads."""
    return yaml.dump(dict(settings), Dumper=_Dumper, sort_keys=False)


class _Loader(yaml.SafeLoader):
    """Loader of plain values."""

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _error("aliases are not allowed", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _error(f"the tag {event.tag!r} is not allowed", event.start_mark)
        if self._depth == _DEEPEST:
            raise _error(
                f"more than {_DEEPEST} levels of nesting are not allowed", event.start_mark
            )
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in keys:
                raise _error(f"a second {key.value!r} is not allowed", key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                keys.add(key.value)
        return node


def _error(problem: str, mark: Any) -> ComposerError:
    return ComposerError(None, None, problem, mark)


class _Dumper(yaml.SafeDumper):
    """Dumper that quotes text which `_Loader` would read as another type."""


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _RESOLVED]
        for first, resolvers in _class.yaml_implicit_resolvers.items()
    }
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
