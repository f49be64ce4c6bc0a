"""What was compared: sections, variants in them, and variants whose curves are one."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ddpg.comparison.report.reading import Broken, Run, Series, merged
from ddpg.config.settings import Config
from ddpg.runs.tracking import SEPARATION
from ddpg.stops import STOPS, Crossing, Effect

Update = Literal["critic_update", "actor_update"]

_NEVER_COMPARED = {
    # Where and how long the work was done, not what it was; seeds are members.
    *("name", "runs", "resume", "seed", "members", "device", "threads", "checkpoint_every"),
    # What makes a section.
    *("env", "env_options", "bootstrap_actor", "optimizer"),
}
_OF_MANUAL = ("manual_scale", "manual_every")
_STOP_OF: dict[Update, str] = {"critic_update": "stop", "actor_update": "actor_stop"}


@dataclass(frozen=True)
class Variant:
    """Runs that differ in their seeds alone."""

    label: str
    config: Config
    """Of its first run."""
    stop: str
    """At the section's crossing."""
    crossing: Crossing
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> list[int]:
        """One a member, in the order of every series' members."""
        return [seed for run in self.runs for seed in run.seeds]

    @cached_property
    def series(self) -> dict[str, Series]:
        """By tag, over the members of all its runs; only what every run has."""
        tags = set.intersection(*(set(run.series) for run in self.runs))
        return {tag: merged([run.series[tag] for run in self.runs]) for tag in sorted(tags)}

    @cached_property
    def hash(self) -> str:
        """Of every curve but the audit's, to the bit: equal hashes are one curve.

        The audit's norms are sums whose order no one promises.
        """
        digest = hashlib.sha256(np.array(self.seeds).tobytes())
        for tag, (steps, values) in self.series.items():
            if not tag.startswith(SEPARATION):
                digest.update(tag.encode())
                digest.update(steps.tobytes())
                # One kind of NaN, and one zero.
                digest.update((np.where(np.isnan(values), np.nan, values) + 0.0).tobytes())
        return digest.hexdigest()[:12]

    @property
    def is_control(self) -> bool:
        """Whether its stop lets everything through: `none`, or `manual` at scale 1."""
        if self.stop == "manual":
            return set(_by_module(self.config.manual_scale).values()) == {1}
        return self.stop == "none"

    @property
    def promise(self) -> Effect:
        """What the stop is said to do at its crossing: see `ddpg.stops`."""
        effects = {STOPS[name.strip()].effect[self.crossing] for name in self.stop.split("+")}
        if self.route:
            effects.discard(Effect.PROTECTS)
        for effect in (Effect.STARVES, Effect.PROTECTS):
            if effect in effects:
                return effect
        return Effect.LEAKS

    @property
    def route(self) -> tuple[str, ...]:
        """The modules that `manual` lets some of the loss into; nothing under any other stop."""
        if self.stop != "manual":
            return ()
        scale, every = self.config.manual_scale, self.config.manual_every
        names = [*_by_module(scale), *_by_module(every)]
        return tuple(
            name
            for name in dict.fromkeys(names)
            if _by_module(scale).get(name, 0) or _by_module(every).get(name, 1) > 1
        )


@dataclass(frozen=True)
class Curve:
    """Variants that give the same curve to the bit: one line in every figure."""

    variants: tuple[Variant, ...]

    @property
    def variant(self) -> Variant:
        """The one that stands for all."""
        return self.variants[0]

    @property
    def label(self) -> str:
        """All of its variants, for a legend."""
        names = ", ".join(variant.label for variant in self.variants)
        count = len(self.variants)
        return names if count == 1 else f"{names} ({count} variants, one curve)"

    @property
    def short(self) -> str:
        """For a title."""
        more = len(self.variants) - 1
        return self.variant.label + (f" and {more} more" if more else "")

    @property
    def members(self) -> int:
        """How many are behind the curve."""
        return len(self.variant.seeds)


@dataclass(frozen=True)
class Section:
    """What can be compared: one environment, crossing, bootstrap actor and optimizer."""

    env: str
    update: Update
    bootstrap_actor: str
    optimizer: str
    variants: tuple[Variant, ...]

    @property
    def title(self) -> str:
        """For a heading."""
        name = {"adam": "Adam", "sgd": "SGD"}[self.optimizer]
        update = self.update.replace("_", " ")
        return f"{self.env}: {update}, {self.bootstrap_actor} actor in the bootstrap, {name}"

    @property
    def key(self) -> str:
        """For file names and anchors."""
        words = f"{self.env}-{self.update}-{self.bootstrap_actor}-{self.optimizer}"
        return "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in words)

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """The control first, then in the order of the variants."""
        by_hash: dict[str, list[Variant]] = {}
        for variant in sorted(self.variants, key=lambda variant: not variant.is_control):
            by_hash.setdefault(variant.hash, []).append(variant)
        return tuple(Curve(tuple(variants)) for variants in by_hash.values())

    def control(self, curve: Curve) -> Curve | None:
        """The curve that nothing stops, with `curve`'s other settings; None if there is none."""
        return self._like(curve, lambda variant: variant.is_control)

    def protected(self, curve: Curve) -> Curve | None:
        """The first curve that is said to be protected, with `curve`'s other settings, or None."""
        return self._like(curve, lambda variant: variant.promise is Effect.PROTECTS)

    def _like(self, curve: Curve, wanted: Callable[[Variant], bool]) -> Curve | None:
        others = _others(curve.variant)
        for each in self.curves:
            if any(wanted(v) and _others(v) == others for v in each.variants):
                return each
        return None


def sections(runs: Iterable[Run]) -> tuple[list[Section], list[Broken]]:
    """Runs by environment, crossing, bootstrap actor, optimizer; and runs whose seeds another has.

    A run belongs to the actor update if its `actor_stop` is not the default (if no run has that:
    not the most common one), or if nothing but the `actor_stop` differs; else to the critic update.
    """
    places: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        config = run.config
        options = ", ".join(f"{name}={value}" for name, value in config.env_options.items())
        env = f"{config.env} ({options})" if options else config.env
        places.setdefault((env, config.bootstrap_actor, config.optimizer), []).append(run)
    found: list[Section] = []
    left_out: list[Broken] = []
    for (env, bootstrap_actor, optimizer), those in sorted(places.items(), key=_place):
        for update, members in _by_crossing(those).items():
            variants, doubled = _variants(members, update)
            left_out += doubled
            found.append(Section(env, update, bootstrap_actor, optimizer, tuple(variants)))
    return found, left_out


def _place(item: tuple[tuple[str, str, str], list[Run]]) -> tuple[str, bool, str]:
    """The target actor before the live one."""
    (env, bootstrap_actor, optimizer), _ = item
    return env, bootstrap_actor == "live", optimizer


def _by_crossing(runs: list[Run]) -> dict[Update, list[Run]]:
    actor_stops = Counter(run.config.actor_stop for run in runs)
    default = Config().actor_stop
    usual = default if default in actor_stops else actor_stops.most_common(1)[0][0]
    if len(actor_stops) > 1 and len({run.config.stop for run in runs}) == 1:
        usual = None
    by_update: dict[Update, list[Run]] = {}
    for run in runs:
        update = "critic_update" if run.config.actor_stop == usual else "actor_update"
        by_update.setdefault(update, []).append(run)
    return dict(sorted(by_update.items(), reverse=True))


def _variants(runs: list[Run], update: Update) -> tuple[list[Variant], list[Broken]]:
    settings = [_settings(run.config) for run in runs]
    differing = [
        name
        for name in settings[0]
        if name != _STOP_OF[update]
        and len({str(each[name]) for each in settings if each[name] is not None}) > 1
    ]
    by_label: dict[str, list[Run]] = {}
    left_out: list[Broken] = []
    for run, values in zip(runs, settings, strict=True):
        stop = values[_STOP_OF[update]]
        told = [_told(name, values[name]) for name in differing if values[name] is not None]
        those = by_label.setdefault(", ".join([stop, *filter(None, told)]), [])
        twin = next((other for other in those if set(other.seeds) & set(run.seeds)), None)
        if twin is None:
            those.append(run)
        else:
            left_out.append(Broken(run.name, f"it has settings and seeds of {twin.name!r}"))
    crossing = Crossing.UPSTREAM if update == "critic_update" else Crossing.DOWNSTREAM
    variants = [
        Variant(
            label,
            those[0].config,
            getattr(those[0].config, _STOP_OF[update]),
            crossing,
            tuple(those),
        )
        for label, those in by_label.items()
    ]
    return sorted(variants, key=_order), left_out


def _settings(config: Config) -> dict[str, Any]:
    """What can be compared; None stands for a setting that does nothing in this run."""
    values = {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if field.name not in _NEVER_COMPARED
    }
    if "manual" not in f"{config.stop}+{config.actor_stop}":
        values |= dict.fromkeys(_OF_MANUAL)
    return values


def _others(variant: Variant) -> dict[str, str]:
    """The settings besides the stops."""
    settings = _settings(variant.config)
    return {
        name: str(value)
        for name, value in settings.items()
        if name not in (*_OF_MANUAL, *_STOP_OF.values())
    }


def _told(name: str, value: Any) -> str:
    """A setting in a label; what `manual` does to a module only where it is not the default."""
    if name in _OF_MANUAL:
        usual, sign = (0, " × ") if name == "manual_scale" else (1, " every ")
        told = _by_module(value).items()
        return ", ".join(f"{k}{sign}{_number(v)}" for k, v in told if v != usual)
    return f"{name} {_number(value)}"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by_module(setting: Any) -> dict[str, float]:
    """`manual_scale` or `manual_every`, by module."""
    return dict(setting) if isinstance(setting, Mapping) else {"all": setting}


def _order(variant: Variant) -> tuple[Any, ...]:
    """The table's own order; `manual` by what it lets through, and how much of it."""
    first = variant.stop.split("+")[0]
    config = variant.config
    doses = [
        sorted(_by_module(each).values()) for each in (config.manual_every, config.manual_scale)
    ]
    place = list(STOPS).index(first) + len(STOPS) * ("+" in variant.stop)
    return place, len(variant.route), variant.route, doses, variant.label
