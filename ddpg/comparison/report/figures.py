"""Figures of a section: their panels, legends and captions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.analysis import Analysis, CostSummary, CurveSummary
from ddpg.comparison.report.panels import (
    LINE_STYLES,
    Dot,
    DotPanel,
    Line,
    LinePanel,
    ReportFigure,
)
from ddpg.comparison.report.sections import ReportSection
from ddpg.comparison.report.statistics import FINAL_EVALUATIONS, Estimate, quartile_band
from ddpg.comparison.report.variants import Variant
from ddpg.evaluation.palette import dose_style
from ddpg.runs.tags import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

_INTERVAL = "Line: interquartile mean over members. Band: its 95 % bootstrap interval."
_DOSES = (
    " Purple: the gradient of a leak is scaled. Green: it passes in every k-th update. The "
    "stronger the colour, the larger the leak."
)


class _CurveGroup(NamedTuple):
    """Curves of one figure, at most `LINE_STYLES`."""

    suffix: str
    """Suffix of the figure's name."""
    title: str
    references: list[CurveSummary]
    """The control, and the protected curve where `manual` leaks."""
    compared: list[CurveSummary]

    @property
    def curves(self) -> list[CurveSummary]:
        """All curves, the control first."""
        return [*self.references, *self.compared]


def section_figures(analysis: Analysis) -> list[ReportFigure]:
    """Return the figures of a section in the order of the report."""
    section, curves = analysis.section, analysis.curves
    groups = _curve_groups(section, curves)
    styles = _styles(groups)
    figures = [_returns_figure(section, group, styles) for group in groups]
    figures.append(_scores_figure(section, curves, styles))
    gradients = [_gradients_figure(section, group, styles) for group in groups]
    figures += [figure for figure in gradients if figure.panels]
    if any(summary.value is not None for summary in curves):
        figures.append(_values_figure(section, curves))
    if analysis.costs:
        figures.append(_cost_figure(section, analysis.costs, styles))
    return figures


def _curve_groups(section: ReportSection, curves: Sequence[CurveSummary]) -> list[_CurveGroup]:
    """Split the curves by the modules that `manual` leaks into; each group has the control."""
    controls = [s for s in curves if section.control(s.curve) is s.curve]
    protected = [s for s in curves if section.protected(s.curve) is s.curve]
    by_leak: dict[tuple[str, ...], list[CurveSummary]] = {}
    for summary in curves:
        if section.control(summary.curve) is not summary.curve:
            by_leak.setdefault(summary.curve.first.leaks_into, []).append(summary)
    groups: list[_CurveGroup] = []
    for modules, summaries in (by_leak or {(): []}).items():
        references = [*controls, *protected] if modules else controls
        size = LINE_STYLES - len(references)
        for first in range(0, max(len(summaries), 1), size):
            number = f"-{first // size + 1}" if len(summaries) > size else ""
            title = f": leak into {' and '.join(modules)}" if modules else ""
            suffix = "-".join(["", *modules]) + number
            groups.append(_CurveGroup(suffix, title, references, summaries[first : first + size]))
    return groups


def _styles(groups: Sequence[_CurveGroup]) -> dict[str, int]:
    """Return label of a variant -> style of its curve, distinct within each group.

    The leaks of `manual` have shades by their size; all other curves have styles in order.
    """
    sizes = {v.dose for group in groups for each in group.curves for v in each.curve.variants}
    ranks = {
        kind: sorted(size for each, size in filter(None, sizes) if each == kind)
        for kind in ("scale", "every")
    }
    styles: dict[str, int] = {}
    for group in groups:
        for position, summary in enumerate(group.curves):
            style = position
            if summary.curve.first.dose is not None:
                kind, size = summary.curve.first.dose
                style = dose_style(kind, ranks[kind].index(size), len(ranks[kind]))
            for variant in summary.curve.variants:
                styles.setdefault(variant.label, style)
    return styles


def _returns_figure(
    section: ReportSection, group: _CurveGroup, styles: Mapping[str, int]
) -> ReportFigure:
    lines = [_returns_line(summary, styles) for summary in group.curves]
    # The first figure of a section already shows the members of the reference curves.
    with_members = group.compared if group.title else group.curves
    values = [_member_returns(summary) for summary in group.curves]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    return ReportFigure(
        f"{section.key}-returns{group.suffix}",
        "returns",
        f"{section.title}: learning curves{group.title}",
        f"Learning curves{group.title}",
        f"Undiscounted return of the deterministic policy. {_INTERVAL} The other panels show each "
        "curve with its members as thin lines." + _doses(group.curves),
        (
            LinePanel("Return in evaluation", "return", tuple(lines), y_limits=limits),
            *(
                LinePanel(
                    f"{summary.curve.short_label}, {summary.curve.members} members",
                    "return",
                    (replace(_returns_line(summary, styles), members=_member_returns(summary)),),
                    y_limits=limits,
                )
                for summary in with_members
            ),
        ),
    )


def _doses(curves: Sequence[CurveSummary]) -> str:
    """Return the meaning of the shades, if a curve has one."""
    return _DOSES if any(summary.curve.first.dose for summary in curves) else ""


def _returns_line(summary: CurveSummary, styles: Mapping[str, int]) -> Line:
    curve = summary.curve
    style = styles[curve.first.label]
    return Line(curve.label, style, summary.returns, RETURN_EVALUATION, _labels(curve.variants))


def _member_returns(summary: CurveSummary) -> NDArray[np.float64]:
    return summary.curve.first.series[RETURN_EVALUATION].values


def _labels(variants: Sequence[Variant]) -> tuple[str, ...]:
    return tuple(variant.label for variant in variants)


def _scores_figure(
    section: ReportSection, curves: Sequence[CurveSummary], styles: Mapping[str, int]
) -> ReportFigure:
    def panel(
        title: str, x_label: str, estimates: list[Estimate | None], reference: float | None
    ) -> DotPanel:
        return DotPanel(
            title,
            x_label,
            tuple(
                Dot(summary.curve.short_label, styles[summary.curve.first.label], estimate)
                for summary, estimate in zip(curves, estimates, strict=True)
                if estimate is not None
            ),
            reference,
            (None, None) if reference is None else (-0.03, 1.03),
        )

    panels = [
        panel("Final score", "return", [s.final for s in curves], None),
        panel("Area under the curve", "mean return", [s.area for s in curves], None),
    ]
    for other, estimates in (
        ("control", [s.improvement for s in curves]),
        ("protected curve", [s.over_protected for s in curves]),
    ):
        if any(estimate is not None for estimate in estimates):
            title = f"P(better than the {other})"
            panels.append(panel(title, "P(better)", estimates, 0.5))
    return ReportFigure(
        f"{section.key}-scores",
        "scores",
        f"{section.title}: scores",
        "Scores",
        "Dot and line: interquartile mean over members and its 95 % bootstrap interval. Final "
        f"score: mean of a member's last {FINAL_EVALUATIONS} evaluations. Area: trapezoidal area "
        "under the curve, divided by its width. Probability of improvement: probability that a "
        "member's final score is above that of a member of the control (same settings, no stop) "
        "or of the protected curve (same settings, a stop that protects), with its 95 % interval; "
        "an interval that contains 0.5 shows no difference." + _doses(curves),
        tuple(panels),
    )


def _gradients_figure(
    section: ReportSection, group: _CurveGroup, styles: Mapping[str, int]
) -> ReportFigure:
    """Return gradient norm and movement of every module in the section's update."""
    # Variants of one curve can differ in the gradients they write, and then get further styles.
    line_styles = {s.curve.label: styles[s.curve.first.label] for s in group.curves}
    variants = [variant for summary in group.curves for variant in summary.curve.variants]
    panels = []
    for module in ("critic", "critic_target", "actor", "actor_target"):
        for quantity, words in (("gradient_norm", "gradient norm"), ("movement", "movement")):
            tag = f"{SEPARATION}/{section.update}/{module}/{quantity}"
            lines = []
            for equal in _equal_variants(variants, tag):
                curve = next((s.curve for s in group.curves if s.curve.variants == equal), None)
                label = ", ".join(v.name for v in equal) if curve is None else curve.label
                style = line_styles.setdefault(label, len(line_styles) % LINE_STYLES)
                band = quartile_band(equal[0].series[tag])
                lines.append(Line(label, style, band, tag, _labels(equal)))
            if lines:
                title = f"{module}: {words}"
                panels.append(LinePanel(title, words, tuple(lines), logarithmic=True))
    return ReportFigure(
        f"{section.key}-gradients{group.suffix}",
        "gradients",
        f"{section.title}: gradient norms and movement{group.title}",
        f"Gradient norms and movement{group.title}",
        f"Norm of each module's .grad in the {section.update.replace('_', ' ')} (no line where it "
        "is None), and movement of its weights by that update alone. Line: interquartile mean over "
        "members. Band: their quartiles. A logarithmic axis has no zero, so a quantity that is "
        "always zero has no panel.",
        tuple(panels),
    )


def _equal_variants(variants: Sequence[Variant], tag: str) -> list[tuple[Variant, ...]]:
    """Group the variants with equal values of `tag`; leave out those without a value above zero."""
    groups: list[list[Variant]] = []
    for variant in variants:
        series = variant.series.get(tag)
        if series is None or not np.nanmax(series.values) > 0:
            continue
        for group in groups:
            other = group[0].series[tag].values
            # The last bits of a norm depend on the order of its sum.
            if other.shape == series.values.shape and np.allclose(
                other, series.values, rtol=1e-6, equal_nan=True
            ):
                group.append(variant)
                break
        else:
            groups.append([variant])
    return [tuple(group) for group in groups]


def _values_figure(section: ReportSection, curves: Sequence[CurveSummary]) -> ReportFigure:
    panels = []
    for summary in curves:
        if summary.value is not None and summary.discounted is not None:
            labels = _labels(summary.curve.variants)
            value, discounted = summary.value, summary.discounted
            lines = (
                Line("Q(s₀, μ(s₀)) of the critic", 0, value, VALUE_Q_START, labels),
                Line("measured discounted return", 1, discounted, RETURN_DISCOUNTED, labels),
            )
            panels.append(LinePanel(summary.curve.short_label, "value", lines))
    return ReportFigure(
        f"{section.key}-values",
        "values",
        f"{section.title}: Q against measured returns",
        "Q against measured returns",
        "Q at the first states of each evaluation's episodes, and their discounted return. A Q far "
        f"above the return is an overestimate. {_INTERVAL}",
        tuple(panels),
    )


def _cost_figure(
    section: ReportSection, costs: Mapping[str, CostSummary], styles: Mapping[str, int]
) -> ReportFigure:
    def panel(title: str, x_label: str, estimates: dict[str, Estimate]) -> DotPanel:
        return DotPanel(
            title,
            x_label,
            tuple(
                Dot(section.names[label], styles[label], estimate)
                for label, estimate in estimates.items()
            ),
            x_limits=(0, 1.08 * max(estimate.high for estimate in estimates.values())),
        )

    def exact(value: float) -> Estimate:
        return Estimate(value, value, value, 1)

    times = {label: cost.milliseconds for label, cost in costs.items()}
    peaks = {label: _kibibytes(cost.peak_bytes) for label, cost in costs.items()}
    saved = {label: _kibibytes(exact(cost.saved_bytes)) for label, cost in costs.items()}
    return ReportFigure(
        f"{section.key}-cost",
        "cost",
        f"{section.title}: cost of one update",
        "Cost of one update",
        "All members of a run together, on one thread; the variants take turns in one process. Dot "
        "and line: median and quartiles over the repeats.",
        (
            panel("Processor time", "milliseconds", times),
            panel("Peak memory", "KiB allocated within the update", peaks),
            panel("Saved for the backward pass", "KiB", saved),
        ),
    )


def _kibibytes(estimate: Estimate) -> Estimate:
    value, low, high, members = estimate
    return Estimate(value / 1024, low / 1024, high / 1024, members)
