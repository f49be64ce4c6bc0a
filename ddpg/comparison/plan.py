"""Plan of a comparison: the runs given by its axes and variants, as read from YAML."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ddpg.config.settings import Config, unknown_setting_message
from ddpg.config.yaml_file import read_settings
from ddpg.errors import ConfigError, did_you_mean
from ddpg.runs.folder import folder_text
from ddpg.stops import STOPS, Crossing, StopError, check

CROSSINGS = {"stop": Crossing.UPSTREAM, "actor_stop": Crossing.DOWNSTREAM}
"""Axes of which one at a time is compared, with the crossing of each."""

ALL = "all"
"""Value of an axis of `CROSSINGS`: every stop that is legal at its crossing."""

_RESERVED = ("runs", "name", "resume", "stop_at_return")
_DEFAULTS = {name: getattr(Config(), name) for name in Config().to_dict()}
_TYPES: dict[str, tuple[type, str]] = {
    "settings": (dict, "a mapping of names to values"),
    "axes": (dict, "a mapping of names to lists of values"),
    "settings_for": (dict, "a mapping of names to values to settings"),
    "variants": (list, "a list of settings, each with a label"),
}


@dataclass(frozen=True)
class Task:
    """One run: all members of one combination of settings."""

    name: str
    """Name of its run folder."""
    values: dict[str, Any]
    """Axis -> value."""
    label: str | None
    """Label of its variant; None if the plan has no variants."""
    config: Config

    @property
    def agent_steps(self) -> int:
        """Environment steps of all members together."""
        return self.config.members * self.config.steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Comparison with one task per variant and point of the product of the axes.

    The axes `stop` and `actor_stop` are not multiplied. Each is compared on its own, while the
    other crossing has the stop of the settings.

    Args:
        name: name of the comparison's folder.
        runs: parent folder.
        settings: settings of all tasks.
        axes: setting -> values to compare; `all` means the legal stops.
        settings_for: setting -> value -> settings that apply with that value.
        variants: settings to compare beside the axes, each with a `label`.

    Raises:
        ConfigError: an axis or a setting does not exist, or a value is not allowed.
    """

    name: str = "comparison"
    runs: str = "runs"
    settings: dict[str, Any] = field(default_factory=dict)
    axes: dict[str, Any] = field(default_factory=dict)
    settings_for: dict[str, dict[Any, dict[str, Any]]] = field(default_factory=dict)
    variants: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        Config(name=self.name, runs=self.runs)
        for key, (kind, allowed) in _TYPES.items():
            value = getattr(self, key)
            if not isinstance(value, kind):
                raise ConfigError(f"{key}: {value!r} is not allowed; allowed: {allowed}")
        self._check_names()
        axes = {name: _axis_values(name, values) for name, values in self.axes.items()}
        object.__setattr__(self, "axes", axes)
        names = [task.name for task in self.tasks()]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"run name: {name!r} appears twice; allowed: variants and axis values that "
                    "give different names"
                )

    def _check_names(self) -> None:
        _check_settings("axes", self.axes)
        _check_settings("settings", self.settings)
        _check_settings("settings_for", self.settings_for)
        for name, values in self.settings_for.items():
            key = f"settings_for.{name}"
            if not (isinstance(values, dict) and all(isinstance(v, dict) for v in values.values())):
                raise ConfigError(
                    f"{key}: {values!r} is not allowed; allowed: a mapping of values to settings"
                )
            _check_settings(key, itertools.chain.from_iterable(values.values()))
        for variant in self.variants:
            if not (isinstance(variant, dict) and isinstance(variant.get("label"), str)):
                raise ConfigError(
                    f"variants: {variant!r} is not allowed; allowed: a mapping of settings with a "
                    "label"
                )
            _check_settings("variants", (name for name in variant if name != "label"))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Create a plan from plain values, as YAML holds them.

        Raises:
            ConfigError: also when a key does not exist.
        """
        known = [each.name for each in dataclasses.fields(cls)]
        for key in content:
            if key not in known:
                hint = did_you_mean(str(key), known)
                raise ConfigError(
                    f"there is no key {key!r} in a comparison{hint}; allowed: {', '.join(known)}"
                )
        return cls(**content)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            ConfigError: the file does not hold a comparison.
        """
        return cls.from_dict(read_settings(path))

    def override(self, axes: Mapping[str, Any], settings: Mapping[str, Any], **place: str) -> Self:
        """Return this plan with other axes, and settings that replace those of all tasks.

        Args:
            axes: replace the plan's own axes of these names.
            settings: settings of all tasks.
            place: `name` or `runs`.
        """
        _check_settings("settings", settings)

        def remaining(given: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in given.items() if name not in settings}

        return dataclasses.replace(
            self,
            **place,
            axes={**remaining(self.axes), **axes},
            settings={**self.settings, **settings},
            settings_for={
                name: {value: remaining(inner) for value, inner in values.items()}
                for name, values in self.settings_for.items()
            },
            variants=[remaining(variant) for variant in self.variants],
        )

    def tasks(self) -> list[Task]:
        """Return every task, in the order of variants, crossings and other axes."""
        stops = [
            {axis: value} for axis in CROSSINGS if axis in self.axes for value in self.axes[axis]
        ]
        other_axes = {name: values for name, values in self.axes.items() if name not in CROSSINGS}
        return [
            self._task(variant, {**stop, **dict(zip(other_axes, point, strict=True))})
            for variant in self.variants or [{}]
            for stop in stops or [{}]
            for point in itertools.product(*other_axes.values())
        ]

    def refused(self) -> dict[str, dict[str, str]]:
        """Return axis -> stop -> reason of each illegal stop, for the axes that ask for `all`."""
        return {
            axis: {name: reason for name in STOPS if (reason := _illegal(axis, name))}
            for axis in CROSSINGS
            if axis in self.axes and self.axes[axis] == _legal_stops(axis)
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the plan, its refused stops and its tasks as plain values."""
        return {
            **dataclasses.asdict(self),
            "refused": self.refused(),
            "tasks": [
                {"name": task.name, "label": task.label, "values": task.values}
                for task in self.tasks()
            ],
        }

    def _task(self, variant: Mapping[str, Any], values: dict[str, Any]) -> Task:
        own = {name: value for name, value in variant.items() if name != "label"}
        chosen = {**_DEFAULTS, **self.settings, **own, **values}
        with_values: dict[str, Any] = {}
        for name, settings in self.settings_for.items():
            for value, inner in settings.items():
                if chosen[name] == value:
                    with_values |= inner
        name = self._task_name(variant.get("label"), values)
        place = {"runs": str(Path(self.runs) / self.name), "name": name}
        config = Config.from_dict({**self.settings, **with_values, **own, **values, **place})
        return Task(name, values, variant.get("label"), config)

    def _task_name(self, label: str | None, values: Mapping[str, Any]) -> str:
        words = [label] if label else []
        for axis, value in values.items():
            if axis in CROSSINGS or len(self.axes[axis]) > 1:
                words.append(f"{axis}={folder_text(value)}")
        return re.sub(r"[^\w.+=,-]+", "_", ",".join(words)) or "run"


def _check_settings(key: str, names: Iterable[Any]) -> None:
    """Raise a ConfigError unless each name is a setting that a plan may choose."""
    for name in names:
        if name in _RESERVED:
            raise ConfigError(
                f"{key}: {name!r} is not allowed; allowed: any setting except "
                f"{', '.join(_RESERVED)}"
            )
        if name not in _DEFAULTS:
            raise ConfigError(f"{key}: {unknown_setting_message(str(name))}")


def _axis_values(axis: str, values: Any) -> list[Any]:
    """Return the values of an axis, after checking that each appears once."""
    if values == ALL and axis in CROSSINGS:
        return _legal_stops(axis)
    if not isinstance(values, list) or not values:
        allowed = "a list of at least one value" + (", or all" if axis in CROSSINGS else "")
        raise ConfigError(f"axes.{axis}: {values!r} is not allowed; allowed: {allowed}")
    for value in values:
        if values.count(value) > 1:
            raise ConfigError(f"axes.{axis}: {value!r} appears twice; allowed: each value once")
    return values


def _legal_stops(axis: str) -> list[str]:
    return [name for name in STOPS if _illegal(axis, name) is None]


def _illegal(axis: str, stop: str) -> str | None:
    """Return the reason why `stop` cannot run at the crossing of `axis`; None if it can."""
    try:
        check(stop, CROSSINGS[axis], axis)
    except StopError as error:
        return str(error)
    return None
