"""Analysis of one section: every number that the report shows, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.cost import CostSample, cost_settings
from ddpg.comparison.report.reach import reached_modules
from ddpg.comparison.report.reading import Series
from ddpg.comparison.report.sections import ReportSection
from ddpg.comparison.report.statistics import (
    Band,
    Estimate,
    areas,
    final_scores,
    interquartile_means,
    probability_of_improvement,
)
from ddpg.comparison.report.variants import DistinctCurve, Variant
from ddpg.runs.tags import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

_GRADES = ("nothing", "wrote zero", "wrote", "moved")
"""Effect of an update on a module, by the audit's grade."""


@dataclass(frozen=True)
class CurveSummary:
    """Scores of one distinct curve."""

    curve: DistinctCurve
    returns: Band
    final: Estimate
    area: Estimate
    improvement: Estimate | None
    """Probability of a better final score than the control's; None for the control itself."""
    over_protected: Estimate | None
    """The same over the protected curve; None for that curve itself."""
    value: Band | None
    """Q(s₀, μ(s₀)); None if the runs did not log it."""
    discounted: Band | None
    """Discounted return of the same episodes."""


@dataclass(frozen=True)
class ModuleAudit:
    """Audits of one module in one update of one variant, over all members."""

    grade: int
    """The highest grade."""
    share: float
    """Fraction of the audits with that grade."""
    audits: int
    """Number of audits of all members."""
    reached: bool
    """True if the graph of the update's loss has a path to the module."""

    @property
    def effect(self) -> str:
        """`nothing`, `reached`, `wrote zero`, `wrote`, or `moved`."""
        return "reached" if self.reached and self.grade == 0 else _GRADES[self.grade]


@dataclass(frozen=True)
class CostSummary:
    """Medians and quartiles over the samples of an update's cost."""

    milliseconds: Estimate
    peak_bytes: Estimate
    saved_tensors: int
    saved_bytes: int
    repeats: int


@dataclass(frozen=True)
class Analysis:
    """Every number of one section."""

    section: ReportSection
    curves: list[CurveSummary]
    """One summary per distinct curve, in the section's order."""
    audits: dict[str, dict[tuple[str, str], ModuleAudit]]
    """Label of a variant -> `(update, module)` -> its audits."""
    costs: dict[str, CostSummary]
    """Label of each measured variant -> cost of the section's update."""


def analyse(section: ReportSection, samples: Sequence[CostSample]) -> Analysis:
    """Compute all numbers of a section; `samples` are the cost measurements of the folder."""
    costs = {variant.label: _cost(section, variant, samples) for variant in section.variants}
    return Analysis(
        section,
        _curve_summaries(section),
        {variant.label: _module_audits(variant) for variant in section.variants},
        {label: cost for label, cost in costs.items() if cost is not None},
    )


def _curve_summaries(section: ReportSection) -> list[CurveSummary]:
    finals = {curve.first.label: _final_scores(curve) for curve in section.curves}
    return [
        _curve_summary(
            curve,
            _improvement(curve, section.control(curve), finals),
            _improvement(curve, section.protected(curve), finals),
        )
        for curve in section.curves
    ]


def _curve_summary(
    curve: DistinctCurve, improvement: Estimate | None, over_protected: Estimate | None
) -> CurveSummary:
    series = curve.first.series
    returns = series[RETURN_EVALUATION]
    optional = [series.get(VALUE_Q_START), series.get(RETURN_DISCOUNTED)]
    # One bootstrap for all columns, since its time hardly depends on their number.
    columns = [returns.values, _final_scores(curve)[:, None], areas(returns)[:, None]]
    columns += [each.values for each in optional if each is not None]
    means = np.stack(interquartile_means(np.concatenate(columns, axis=1)))
    bounds = np.cumsum([column.shape[1] for column in columns])[:-1]
    curve_means, final, area, *rest = np.split(means, bounds, axis=1)
    value, discounted = (None if each is None else _band(each, rest.pop(0)) for each in optional)
    return CurveSummary(
        curve=curve,
        returns=_band(returns, curve_means),
        final=_estimate(final, curve.members),
        area=_estimate(area, curve.members),
        improvement=improvement,
        over_protected=over_protected,
        value=value,
        discounted=discounted,
    )


def _band(series: Series, means: NDArray[np.float64]) -> Band:
    value, low, high = means
    return Band(series.steps, value, low, high, len(series.values))


def _estimate(means: NDArray[np.float64], members: int) -> Estimate:
    value, low, high = (float(each) for each in means[:, 0])
    return Estimate(value, low, high, members)


def _final_scores(curve: DistinctCurve) -> NDArray[np.float64]:
    return final_scores(curve.first.series[RETURN_EVALUATION])


def _improvement(
    curve: DistinctCurve, other: DistinctCurve | None, finals: dict[str, NDArray[np.float64]]
) -> Estimate | None:
    if other is None or other is curve:
        return None
    return probability_of_improvement(finals[curve.first.label], finals[other.first.label])


def _module_audits(variant: Variant) -> dict[tuple[str, str], ModuleAudit]:
    """Return `(update, module)` -> its audits; empty if the runs were not audited."""
    audits: dict[tuple[str, str], ModuleAudit] = {}
    reached = reached_modules(variant.config)
    for tag, series in variant.series.items():
        kind, *rest = tag.split("/")
        if kind == SEPARATION and rest[-1] == "grade":
            grades = series.values[~np.isnan(series.values)]
            highest = int(grades.max())
            place = (rest[0], rest[1])
            share = float((grades == highest).mean())
            audits[place] = ModuleAudit(highest, share, len(grades), place in reached)
    return audits


def _cost(
    section: ReportSection, variant: Variant, samples: Sequence[CostSample]
) -> CostSummary | None:
    """Return the cost of the section's update under `variant`; None if it was not measured."""
    settings = cost_settings(variant.config)
    own = [s for s in samples if s.settings == settings and s.update == section.update]
    if not own:
        return None
    return CostSummary(
        _median([sample.milliseconds for sample in own]),
        _median([float(sample.peak_bytes) for sample in own]),
        own[0].saved_tensors,
        own[0].saved_bytes,
        len(own),
    )


def _median(values: list[float]) -> Estimate:
    """Return the median, with the quartiles as its interval."""
    if len(values) == 1:
        return Estimate(values[0], values[0], values[0], 1)
    low, _, high = quantiles(values, method="inclusive")
    return Estimate(median(values), low, high, len(values))
