"""What a comparison runs: the product of its axes and its variants, from YAML."""

import dataclasses
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ddpg.config.settings import Config, unknown_setting
from ddpg.config.yaml_file import read_settings
from ddpg.errors import ConfigError, did_you_mean
from ddpg.stops import STOPS, Crossing, StopError, check

CROSSINGS = {"stop": Crossing.UPSTREAM, "actor_stop": Crossing.DOWNSTREAM}
"""The axes that are compared one at a time, and the crossing that each stands at."""

ALL = "all"
"""As the values of an axis of `CROSSINGS`: every stop that is legal there."""

_RESERVED = ("runs", "name", "resume")
_DEFAULTS = {name: getattr(Config(), name) for name in Config().to_dict()}


@dataclass(frozen=True)
class Task:
    """One run: all members of one combination of settings, side by side."""

    name: str
    """Name of its run folder."""
    values: dict[str, Any]
    """Its value on each axis."""
    label: str | None
    """Of its variant, if the plan has variants."""
    config: Config

    @property
    def agent_steps(self) -> int:
        """Environment steps of all members together."""
        return self.config.members * self.config.steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A comparison. A task is a run for each variant at each point of the axes' product.

    The axes `stop` and `actor_stop` are not multiplied: one crossing is compared at a time, with
    the other one's stop as it is in the settings.

    Args:
        name: of the comparison's folder.
        runs: the folder above it.
        settings: any settings, for all tasks.
        axes: setting -> the values to compare; `all` stands for the legal stops.
        settings_for: setting -> value -> settings that go with that value.
        variants: settings, each with a `label`, to compare beside the axes.

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
        self._check_shape()
        axes = {name: _values(name, given) for name, given in self.axes.items()}
        object.__setattr__(self, "axes", axes)
        names = [task.name for task in self.tasks()]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"two runs would be called {name!r}; allowed: variants and values of axes "
                    "whose names differ"
                )

    def _check_shape(self) -> None:
        Config(name=self.name, runs=self.runs)
        for key, kind, words in (
            ("settings", dict, "a mapping of names to values"),
            ("axes", dict, "a mapping of names to lists of values"),
            ("settings_for", dict, "a mapping of names to values to settings"),
            ("variants", list, "a list of settings, each with a label"),
        ):
            if not isinstance(getattr(self, key), kind):
                raise ConfigError(f"{key} is {getattr(self, key)!r}; allowed: {words}")
        for name in self.axes:
            _check_name("axis", name)
        for name in self.settings:
            _check_name("setting", name)
        for name, values in self.settings_for.items():
            _check_name("setting", name)
            if not (isinstance(values, dict) and all(isinstance(v, dict) for v in values.values())):
                raise ConfigError(
                    f"settings_for.{name} is {values!r}; allowed: a mapping of its values to "
                    "settings"
                )
            for inner in itertools.chain.from_iterable(values.values()):
                _check_name("setting", inner)
        for variant in self.variants:
            if not (isinstance(variant, dict) and isinstance(variant.get("label"), str)):
                raise ConfigError(
                    f"a variant is {variant!r}; allowed: a mapping of settings with a label"
                )
            for name in variant:
                if name != "label":
                    _check_name("setting", name)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """A plan from plain values, as YAML holds them.

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
            ConfigError: it is no comparison.
        """
        return cls.from_dict(read_settings(path))

    def changed(self, axes: Mapping[str, Any], settings: Mapping[str, Any], **place: str) -> Self:
        """This plan with other axes, settings that go before all others, and `name` or `runs`."""
        for name in settings:
            _check_name("setting", name)

        def others(given: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in given.items() if name not in settings}

        return dataclasses.replace(
            self,
            **place,
            axes={**others(self.axes), **axes},
            settings={**self.settings, **settings},
            settings_for={
                name: {value: others(inner) for value, inner in values.items()}
                for name, values in self.settings_for.items()
            },
            variants=[others(variant) for variant in self.variants],
        )

    def tasks(self) -> list[Task]:
        """Every run of the comparison, in the order of the axes."""
        compared = [
            {axis: value} for axis in CROSSINGS if axis in self.axes for value in self.axes[axis]
        ]
        rest = {name: values for name, values in self.axes.items() if name not in CROSSINGS}
        return [
            self._task(variant, {**crossing, **dict(zip(rest, point, strict=True))})
            for variant in self.variants or [{}]
            for crossing in compared or [{}]
            for point in itertools.product(*rest.values())
        ]

    def refused(self) -> dict[str, dict[str, str]]:
        """Axis -> stop -> why it is left out, of every axis that asks for `all`."""
        return {
            axis: {name: reason for name in STOPS if (reason := _refusal(name, crossing))}
            for axis, crossing in CROSSINGS.items()
            if axis in self.axes and self.axes[axis] == _legal(crossing)
        }

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, resolved, with the tasks that it amounts to."""
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
        parts = [label] if label else []
        for axis, value in values.items():
            if axis in CROSSINGS or len(self.axes[axis]) > 1:
                parts.append(f"{axis}={_text(value)}")
        return re.sub(r"[^\w.+=,-]+", "_", ",".join(parts)) or "run"


def _check_name(kind: str, name: Any) -> None:
    if name in _RESERVED:
        raise ConfigError(
            f"{kind} {name!r} is not one of a single run; allowed: any but {', '.join(_RESERVED)}"
        )
    if name not in _DEFAULTS:
        sentence = unknown_setting(str(name))
        raise ConfigError(sentence.replace("there is no setting", f"there is no {kind}", 1))


def _values(axis: str, given: Any) -> list[Any]:
    """The values of an axis, each once."""
    if given == ALL and axis in CROSSINGS:
        return _legal(CROSSINGS[axis])
    if not isinstance(given, list) or not given:
        words = "a list of at least one value" + (", or all" if axis in CROSSINGS else "")
        raise ConfigError(f"axis {axis!r} is {given!r}; allowed: {words}")
    for value in given:
        if given.count(value) > 1:
            raise ConfigError(f"axis {axis!r} has {value!r} twice; allowed: each value once")
    return given


def _legal(crossing: Crossing) -> list[str]:
    return [name for name in STOPS if _refusal(name, crossing) is None]


def _refusal(stop: str, crossing: Crossing) -> str | None:
    """Why `stop` cannot run at `crossing`, or None."""
    try:
        check(stop, crossing)
    except StopError as error:
        return str(error)
    return None


def _text(value: Any) -> str:
    """A value of an axis as a part of a folder's name."""
    if isinstance(value, Mapping):
        return "+".join(f"{key}-{inner}" for key, inner in value.items())
    if isinstance(value, list):
        return "x".join(map(str, value))
    return str(value)
