"""Variants of a comparison: runs that differ in seeds alone, and the curves that variants share."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ddpg.comparison.report.reading import FinishedRun, Series, merge_series
from ddpg.config.settings import Config
from ddpg.runs.tags import SEPARATION
from ddpg.stops import STOPS, Crossing, Effect

UpdateName = Literal["critic_update", "actor_update"]
STOP_SETTINGS: dict[UpdateName, str] = {"critic_update": "stop", "actor_update": "actor_stop"}

_NEVER_COMPARED = {
    # Place and size of the work; seeds are members.
    *("name", "runs", "resume", "seed", "members", "device", "threads", "checkpoint_every"),
    # Settings that separate sections.
    *("env", "env_options", "bootstrap_actor", "optimizer"),
}
_MANUAL_SETTINGS = ("manual_scale", "manual_every")


@dataclass(frozen=True)
class Variant:
    """Runs that differ in their seeds alone."""

    label: str
    config: Config
    """Settings of its first run."""
    stop: str
    """Stop at the section's crossing."""
    crossing: Crossing
    runs: tuple[FinishedRun, ...]

    @property
    def seeds(self) -> list[int]:
        """One seed per member, in the order of the members in every series."""
        return [seed for run in self.runs for seed in run.seeds]

    @cached_property
    def series(self) -> dict[str, Series]:
        """Tag -> points of the members of all runs; only tags that every run has."""
        tags = set.intersection(*(set(run.series) for run in self.runs))
        return {tag: merge_series([run.series[tag] for run in self.runs]) for tag in sorted(tags)}

    @cached_property
    def hash(self) -> str:
        """Hash of every series except the audit's; equal hashes mean bit-identical curves.

        The audit's norms are sums whose order PyTorch does not guarantee.
        """
        digest = hashlib.sha256(np.array(self.seeds).tobytes())
        for tag, (steps, values) in self.series.items():
            if not tag.startswith(SEPARATION):
                digest.update(tag.encode())
                digest.update(steps.tobytes())
                # Hash every NaN alike, and -0.0 like 0.0.
                digest.update((np.where(np.isnan(values), np.nan, values) + 0.0).tobytes())
        return digest.hexdigest()[:12]

    @property
    def name(self) -> str:
        """Its label, with a mark if it is the control."""
        return f"{self.label} (control)" if self.is_control else self.label

    @property
    def is_control(self) -> bool:
        """True if its stop stops nothing: `none`, or `manual` at scale 1."""
        if self.stop == "manual":
            return set(_by_module(self.config.manual_scale).values()) == {1}
        return self.stop == "none"

    @property
    def expected(self) -> Effect:
        """Effect that `ddpg.stops` documents for the stop at its crossing."""
        effects = {STOPS[name.strip()].effect[self.crossing] for name in self.stop.split("+")}
        if self.leaks_into:
            effects.discard(Effect.PROTECTS)
        for effect in (Effect.STARVES, Effect.PROTECTS):
            if effect in effects:
                return effect
        return Effect.LEAKS

    @property
    def leaks_into(self) -> tuple[str, ...]:
        """Modules into which `manual` lets a part of the gradient; empty for any other stop."""
        if self.stop != "manual":
            return ()
        scale, every = _by_module(self.config.manual_scale), _by_module(self.config.manual_every)
        return tuple(
            name
            for name in dict.fromkeys([*scale, *every])
            if scale.get(name, 0) or every.get(name, 1) > 1
        )

    @property
    def dose(self) -> tuple[Literal["scale", "every"], float] | None:
        """Kind and size of the leak of `manual`; None for any other stop, the control or a mix."""
        if not self.leaks_into or self.is_control:
            return None
        scale = max(_by_module(self.config.manual_scale).values())
        every = [each for each in _by_module(self.config.manual_every).values() if each > 1]
        if scale and every:
            return None
        return ("scale", scale) if scale else ("every", 1 / min(every))

    @property
    def other_settings(self) -> dict[str, str]:
        """Compared settings except the stops and their strength."""
        ignored = (*_MANUAL_SETTINGS, *STOP_SETTINGS.values())
        settings = compared_settings(self.config)
        return {name: str(value) for name, value in settings.items() if name not in ignored}

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """Order of the table of stops; variants of `manual` by the modules and size of the leak."""
        first = self.stop.split("+")[0]
        strengths = [
            sorted(_by_module(setting).values())
            for setting in (self.config.manual_every, self.config.manual_scale)
        ]
        position = list(STOPS).index(first) + len(STOPS) * ("+" in self.stop)
        return position, len(self.leaks_into), self.leaks_into, strengths, self.label


@dataclass(frozen=True)
class DistinctCurve:
    """Variants with bit-identical curves, which every figure draws as one line."""

    variants: tuple[Variant, ...]

    @property
    def first(self) -> Variant:
        """The variant whose numbers represent all."""
        return self.variants[0]

    @property
    def label(self) -> str:
        """All variants, for a legend."""
        names = ", ".join(variant.name for variant in self.variants)
        count = len(self.variants)
        return names if count == 1 else f"{names} ({count} variants, one curve)"

    @property
    def short_label(self) -> str:
        """The first variant and the number of others, for a title."""
        more = len(self.variants) - 1
        return self.first.name + (f" and {more} more" if more else "")

    @property
    def members(self) -> int:
        """Number of members of each variant."""
        return len(self.first.seeds)


def compared_settings(config: Config) -> dict[str, Any]:
    """Return the settings that can differ within a section; None for one that has no effect."""
    values = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in _NEVER_COMPARED
    }
    if "manual" not in f"{config.stop}+{config.actor_stop}":
        values |= dict.fromkeys(_MANUAL_SETTINGS)
    return values


def variant_label(stop: str, settings: Mapping[str, Any], differing: Sequence[str]) -> str:
    """Return a label: the stop, then each setting in `differing` that has an effect."""
    words = [
        _setting_text(name, settings[name]) for name in differing if settings[name] is not None
    ]
    return ", ".join([stop, *filter(None, words)])


def _setting_text(name: str, value: Any) -> str:
    """Return a setting as text; of `manual`'s settings only values that differ from the default."""
    if name in _MANUAL_SETTINGS:
        default, sign = (0, " × ") if name == "manual_scale" else (1, " every ")
        return ", ".join(
            f"{module}{sign}{_number_text(strength)}"
            for module, strength in _by_module(value).items()
            if strength != default
        )
    return f"{name} {_number_text(value)}"


def _number_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by_module(setting: Any) -> dict[str, float]:
    """Return `manual_scale` or `manual_every` by module; the module `all` for a plain number."""
    return dict(setting) if isinstance(setting, Mapping) else {"all": setting}
