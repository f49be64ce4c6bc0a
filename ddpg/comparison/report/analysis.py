"""One section's figures: what its report shows, computed once."""

from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.cost import Cost, subject
from ddpg.comparison.report.reach import reached
from ddpg.comparison.report.reading import Series
from ddpg.comparison.report.statistics import (
    Band,
    Estimate,
    areas,
    final_scores,
    interquartile_means,
    probability_of_improvement,
)
from ddpg.comparison.report.variants import Curve, Section, Variant
from ddpg.runs.tracking import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

_GRADES = ("nothing", "wrote zero", "wrote", "moved")
"""By the audit's grade: how far a loss's touch went."""


@dataclass(frozen=True)
class Score:
    """What one curve amounts to."""

    curve: Curve
    returns: Band
    final: Estimate
    area: Estimate
    improvement: Estimate | None
    """Probability of a better final score than the control's; None for the control itself."""
    over_protected: Estimate | None
    """The same over the curve of the stops that protect; None for that curve."""
    value: Band | None
    """Q(s₀, μ(s₀)); None if the runs did not log it."""
    discounted: Band | None
    """The discounted return of the same episodes."""


@dataclass(frozen=True)
class Touch:
    """How far one update of one variant went into one module, over all audits and members."""

    grade: int
    """The highest."""
    share: float
    """Of the audits of the members, those that had that grade."""
    audits: int
    """How many of them there were."""
    reached: bool
    """Whether the graph of the update's loss has a path to the module."""

    @property
    def words(self) -> str:
        """`nothing`, `reached`, `wrote zero`, `wrote`, or `moved`."""
        return "reached" if self.reached and self.grade == 0 else _GRADES[self.grade]


@dataclass(frozen=True)
class Analysis:
    """Everything that a section's page shows in figures."""

    section: Section
    scores: list[Score]
    """One a curve, in the section's order."""
    touches: dict[str, dict[tuple[str, str], Touch]]
    """Variant's label -> `(update, module)` -> how far the update went into it."""
    prices: dict[str, "Price"]
    """Variant's label -> what the section's update costs; only of those that were measured."""

    def score(self, variant: Variant) -> Score:
        """Of the curve that the variant is one of."""
        return next(score for score in self.scores if variant in score.curve.variants)


@dataclass(frozen=True)
class Price:
    """Medians and quartiles over a cost's repeats."""

    milliseconds: Estimate
    peak_bytes: Estimate
    saved_tensors: int
    saved_bytes: int
    repeats: int


def analyse(section: Section, costs: list[Cost]) -> Analysis:
    """Reckon all figures of a section."""
    priced = {variant.label: _price(section, variant, costs) for variant in section.variants}
    return Analysis(
        section,
        _scores(section),
        {variant.label: _touches(variant) for variant in section.variants},
        {label: price for label, price in priced.items() if price is not None},
    )


def _scores(section: Section) -> list[Score]:
    finals = {curve.variant.label: _final(curve) for curve in section.curves}
    return [
        _score(
            curve,
            _improvement(curve, section.control(curve), finals),
            _improvement(curve, section.protected(curve), finals),
        )
        for curve in section.curves
    ]


def _score(curve: Curve, improvement: Estimate | None, over_protected: Estimate | None) -> Score:
    series = curve.variant.series
    returns = series[RETURN_EVALUATION]
    optional = [series.get(VALUE_Q_START), series.get(RETURN_DISCOUNTED)]
    # One bootstrap for all columns, since each takes as long as all of them together.
    columns = [returns.values, _final(curve)[:, None], areas(returns)[:, None]]
    columns += [each.values for each in optional if each is not None]
    means = np.stack(interquartile_means(np.concatenate(columns, axis=1)))
    bounds = np.cumsum([part.shape[1] for part in columns])[:-1]
    curve_means, final, area, *rest = np.split(means, bounds, axis=1)
    value, discounted = (None if each is None else _band(each, rest.pop(0)) for each in optional)
    return Score(
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


def _final(curve: Curve) -> NDArray[np.float64]:
    return final_scores(curve.variant.series[RETURN_EVALUATION])


def _improvement(
    curve: Curve, other: Curve | None, finals: dict[str, NDArray[np.float64]]
) -> Estimate | None:
    if other is None or other is curve:
        return None
    return probability_of_improvement(finals[curve.variant.label], finals[other.variant.label])


def _touches(variant: Variant) -> dict[tuple[str, str], Touch]:
    """`(update, module)` -> how far the update went into it; empty if there was no audit."""
    found: dict[tuple[str, str], Touch] = {}
    paths = reached(variant.config)
    for tag, series in variant.series.items():
        kind, *rest = tag.split("/")
        if kind == SEPARATION and rest[-1] == "grade":
            grades = series.values[~np.isnan(series.values)]
            top = int(grades.max())
            place = (rest[0], rest[1])
            share = float((grades == top).mean())
            found[place] = Touch(top, share, len(grades), place in paths)
    return found


def _price(section: Section, variant: Variant, costs: list[Cost]) -> Price | None:
    """What the section's update costs under `variant`; None if that was not measured."""
    wanted = subject(variant.config)
    mine = [cost for cost in costs if cost.subject == wanted and cost.update == section.update]
    if not mine:
        return None
    return Price(
        _spread([cost.milliseconds for cost in mine]),
        _spread([float(cost.peak_bytes) for cost in mine]),
        mine[0].saved_tensors,
        mine[0].saved_bytes,
        len(mine),
    )


def _spread(values: list[float]) -> Estimate:
    if len(values) == 1:
        return Estimate(values[0], values[0], values[0], 1)
    low, _, high = quantiles(values, method="inclusive")
    return Estimate(median(values), low, high, len(values))
