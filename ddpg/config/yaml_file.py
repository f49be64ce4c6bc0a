"""YAML of settings, in and out: plain values alone, and nothing that surprises or explodes.

A file of settings can come from anybody. Beyond PyYAML's safe loader, which makes no objects, this
one takes no tags, no aliases (a few lines of them can stand for billions of values), no deep
nesting, no large files, and no key twice, of which the loader would silently keep the last.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from ddpg.errors import ConfigError

LARGEST = 100_000
"""Bytes of a file of settings; all settings together take about two thousand."""
_DEEPEST = 10
# Dates would be values of no setting; a lone `=` is no value at all.
_RESOLVED = {f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null")}
# YAML 1.2's 1e4 and 1e-3, which PyYAML's YAML 1.1 takes for text.
_EXPONENT = re.compile(r"^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$")


def read_settings(path: Path) -> dict[Any, Any]:
    """The mapping that the YAML file `path` holds, of plain values.

    Raises:
        ConfigError: it cannot be read, or is not a YAML mapping of plain values.
    """
    try:
        with path.open("rb") as file:
            # Not by its size on the disk, which a pipe or a device has none of.
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise ConfigError(f"{path} is too large; allowed: up to {LARGEST:,} bytes of settings")
    try:
        loader = _Loader(content.decode("utf-8"))
        loader.name = str(path)
        settings = loader.get_single_data()
    # A ValueError: bytes that are no UTF-8, or digits that are no number.
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} cannot be read as YAML: {reason}") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} holds no settings; allowed: a mapping of names to values")
    return settings


def settings_text(settings: Mapping[str, Any]) -> str:
    """`settings` as the YAML text that `read_settings` reads."""
    return yaml.dump(dict(settings), Dumper=_Dumper, sort_keys=False)


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str):
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _refused("an alias, and none is allowed", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _refused(f"the tag {event.tag!r}, and none is allowed", event.start_mark)
        if self._depth == _DEEPEST:
            raise _refused(f"more than {_DEEPEST} levels of nesting", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise _refused(f"{key.value!r} twice, and once is allowed", key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return node


def _refused(found: str, mark: Any) -> ComposerError:
    return ComposerError(None, None, f"found {found}", mark)


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for another type than text."""


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _RESOLVED]
        for first, resolvers in _class.yaml_implicit_resolvers.items()
    }
    _class.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
