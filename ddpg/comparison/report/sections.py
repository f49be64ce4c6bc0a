"""Sections of a report: variants of one environment, update, bootstrap actor and optimizer."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from ddpg.comparison.report.reading import FinishedRun, SkippedRun
from ddpg.comparison.report.variants import (
    STOP_SETTINGS,
    DistinctCurve,
    UpdateName,
    Variant,
    compared_settings,
    variant_label,
)
from ddpg.config.settings import Config
from ddpg.stops import Crossing, Effect


@dataclass(frozen=True)
class ReportSection:
    """Variants that can be compared with each other."""

    env: str
    update: UpdateName
    bootstrap_actor: str
    optimizer: str
    variants: tuple[Variant, ...]

    @property
    def optimizer_name(self) -> str:
        """Name of the optimizer as it is written in a sentence."""
        return {"adam": "Adam", "sgd": "SGD"}[self.optimizer]

    @property
    def title(self) -> str:
        """Heading of the section."""
        update = self.update.replace("_", " ")
        bootstrap = f"{self.bootstrap_actor} actor in the bootstrap"
        return f"{self.env}: {update}, {bootstrap}, {self.optimizer_name}"

    @property
    def key(self) -> str:
        """Name for files and anchors."""
        words = f"{self.env}-{self.update}-{self.bootstrap_actor}-{self.optimizer}"
        return "".join(char if char.isalnum() or char in "-_." else "_" for char in words)

    @property
    def names(self) -> dict[str, str]:
        """Label -> name of each variant."""
        return {variant.label: variant.name for variant in self.variants}

    @cached_property
    def curves(self) -> tuple[DistinctCurve, ...]:
        """Distinct curves, the control first, then in the order of the variants."""
        by_hash: dict[str, list[Variant]] = {}
        for variant in sorted(self.variants, key=lambda variant: not variant.is_control):
            by_hash.setdefault(variant.hash, []).append(variant)
        return tuple(DistinctCurve(tuple(variants)) for variants in by_hash.values())

    def control(self, curve: DistinctCurve) -> DistinctCurve | None:
        """Return the curve without a stop and with the other settings of `curve`, or None."""
        return self._counterpart(curve, lambda variant: variant.is_control)

    def protected(self, curve: DistinctCurve) -> DistinctCurve | None:
        """Return the first curve expected to protect, with the other settings of `curve`."""
        return self._counterpart(curve, lambda variant: variant.expected is Effect.PROTECTS)

    def _counterpart(
        self, curve: DistinctCurve, matches: Callable[[Variant], bool]
    ) -> DistinctCurve | None:
        settings = curve.first.other_settings
        for each in self.curves:
            if any(matches(v) and v.other_settings == settings for v in each.variants):
                return each
        return None


def split_sections(runs: Iterable[FinishedRun]) -> tuple[list[ReportSection], list[SkippedRun]]:
    """Group runs into sections; skip a run with the settings and a seed of another.

    A run belongs to the actor update if its `actor_stop` is not the default (or not the most
    common one, if no run has the default), or if the runs differ in `actor_stop` alone. All other
    runs belong to the critic update.
    """
    groups: dict[tuple[str, str, str], list[FinishedRun]] = {}
    for run in runs:
        config = run.config
        options = ", ".join(f"{name}={value}" for name, value in config.env_options.items())
        env = f"{config.env_name} ({options})" if options else config.env_name
        groups.setdefault((env, config.bootstrap_actor, config.optimizer), []).append(run)
    sections: list[ReportSection] = []
    skipped: list[SkippedRun] = []
    for key in sorted(groups, key=lambda key: (key[0], key[1] == "live", key[2])):
        env, bootstrap_actor, optimizer = key
        for update, members in _by_update(groups[key]).items():
            variants, duplicates = _variants(members, update)
            skipped += duplicates
            sections.append(ReportSection(env, update, bootstrap_actor, optimizer, tuple(variants)))
    return sections, skipped


def _by_update(runs: list[FinishedRun]) -> dict[UpdateName, list[FinishedRun]]:
    actor_stops = Counter(run.config.actor_stop for run in runs)
    default = Config().actor_stop
    usual = default if default in actor_stops else actor_stops.most_common(1)[0][0]
    if len(actor_stops) > 1 and len({run.config.stop for run in runs}) == 1:
        usual = None
    by_update: dict[UpdateName, list[FinishedRun]] = {}
    for run in runs:
        update = "critic_update" if run.config.actor_stop == usual else "actor_update"
        by_update.setdefault(update, []).append(run)
    return dict(sorted(by_update.items(), reverse=True))


def _variants(
    runs: list[FinishedRun], update: UpdateName
) -> tuple[list[Variant], list[SkippedRun]]:
    stop_setting = STOP_SETTINGS[update]
    settings = [compared_settings(run.config) for run in runs]
    differing = [
        name
        for name in settings[0]
        if name != stop_setting
        and len({str(each[name]) for each in settings if each[name] is not None}) > 1
    ]
    by_label: dict[str, list[FinishedRun]] = {}
    skipped: list[SkippedRun] = []
    for run, values in zip(runs, settings, strict=True):
        label = variant_label(values[stop_setting], values, differing)
        others = by_label.setdefault(label, [])
        twin = next((other for other in others if set(other.seeds) & set(run.seeds)), None)
        if twin is None:
            others.append(run)
        else:
            skipped.append(SkippedRun(run.name, f"it has the settings and a seed of {twin.name!r}"))
    crossing = Crossing.UPSTREAM if update == "critic_update" else Crossing.DOWNSTREAM
    variants = [
        Variant(
            label,
            label_runs[0].config,
            getattr(label_runs[0].config, stop_setting),
            crossing,
            tuple(label_runs),
        )
        for label, label_runs in by_label.items()
    ]
    return sorted(variants, key=lambda variant: variant.sort_key), skipped
