"""Which pictures a section gets, and what their captions say."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.analysis import Analysis, Price, Score
from ddpg.comparison.report.panels import LINE_STYLES, Dot, Dots, Line, Panel, Picture
from ddpg.comparison.report.statistics import FINAL_EVALUATIONS, Estimate, middle_half
from ddpg.comparison.report.variants import Section, Variant
from ddpg.runs.tracking import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

_INTERVAL = "Line: interquartile mean over members. Band: its 95 % bootstrap interval."


class _Part(NamedTuple):
    """As many curves as can be told apart in a picture."""

    name: str
    """Empty, or a suffix of the picture's name."""
    title: str
    known: list[Score]
    """The control, and beside what `manual` lets through the protected."""
    new: list[Score]

    @property
    def scores(self) -> list[Score]:
        """All of them, the control first."""
        return [*self.known, *self.new]


def pictures(analysis: Analysis) -> list[Picture]:
    """All of a section, in the order of its report."""
    section, scores = analysis.section, analysis.scores
    parts = _parts(section, scores)
    styles = _styles(parts)
    made = [_learning(section, part, styles) for part in parts]
    made.append(_score_dots(section, scores, styles))
    made += [each for part in parts if (each := _gradients(section, part, styles)).panels]
    if any(score.value is not None for score in scores):
        made.append(_values(section, scores))
    if analysis.prices:
        made.append(_cost(section, analysis.prices, styles))
    return made


def _parts(section: Section, scores: Sequence[Score]) -> list[_Part]:
    """By what `manual` lets through, if it does; each with the control."""
    controls = [score for score in scores if section.control(score.curve) is score.curve]
    protected = [score for score in scores if section.protected(score.curve) is score.curve]
    by_route: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        if score not in controls:
            by_route.setdefault(score.curve.variant.route, []).append(score)
    parts: list[_Part] = []
    for route, those in (by_route or {(): []}).items():
        known = [*controls, *protected] if route else controls
        size = LINE_STYLES - len(known)
        for first in range(0, max(len(those), 1), size):
            number = f"-{first // size + 1}" if len(those) > size else ""
            title = f": leak into {' and '.join(route)}" if route else ""
            name = "-".join(["", *route]) + number
            parts.append(_Part(name, title, known, those[first : first + size]))
    return parts


def _styles(parts: Sequence[_Part]) -> dict[str, int]:
    """Variant -> the style of its curve, which no other curve of its part has."""
    styles: dict[str, int] = {}
    for part in parts:
        for style, score in enumerate(part.scores):
            for variant in score.curve.variants:
                styles.setdefault(variant.label, style)
    return styles


def _learning(section: Section, part: _Part, styles: dict[str, int]) -> Picture:
    lines = [_returns(score, styles) for score in part.scores]
    # The control's and the protected's members are in the first of all pictures.
    shown = part.new if part.title else part.scores
    values = [_of_members(score) for score in part.scores]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    return Picture(
        f"{section.key}-returns{part.name}",
        "returns",
        f"{section.title}: learning curves{part.title}",
        f"Learning curves{part.title}",
        f"Undiscounted return of the deterministic policy. {_INTERVAL} Then each curve with its "
        "members, thin.",
        (
            Panel("Return in evaluation", "return", tuple(lines), y_limits=limits),
            *(
                Panel(
                    f"{score.curve.short}, {score.curve.members} members",
                    "return",
                    (replace(_returns(score, styles), members=_of_members(score)),),
                    y_limits=limits,
                )
                for score in shown
            ),
        ),
    )


def _returns(score: Score, styles: dict[str, int]) -> Line:
    curve = score.curve
    style = styles[curve.variant.label]
    return Line(curve.label, style, score.returns, RETURN_EVALUATION, _labels(curve.variants))


def _of_members(score: Score) -> NDArray[np.float64]:
    return score.curve.variant.series[RETURN_EVALUATION].values


def _labels(variants: Sequence[Variant]) -> tuple[str, ...]:
    return tuple(variant.label for variant in variants)


def _score_dots(section: Section, scores: Sequence[Score], styles: dict[str, int]) -> Picture:
    def dots(
        title: str, label: str, figures: list[Estimate | None], reference: float | None
    ) -> Dots:
        return Dots(
            title,
            label,
            tuple(
                Dot(score.curve.short, styles[score.curve.variant.label], figure)
                for score, figure in zip(scores, figures, strict=True)
                if figure is not None
            ),
            reference,
            (None, None) if reference is None else (-0.03, 1.03),
        )

    panels = [
        dots("Final score", "return", [s.final for s in scores], None),
        dots("Area under the curve", "mean return", [s.area for s in scores], None),
    ]
    for other, figures in (
        ("the control", [s.improvement for s in scores]),
        ("the protected", [s.over_protected for s in scores]),
    ):
        if any(figure is not None for figure in figures):
            title = f"Probability of improvement over {other}"
            panels.append(dots(title, "P(better)", figures, 0.5))
    return Picture(
        f"{section.key}-scores",
        "scores",
        f"{section.title}: scores",
        "Scores",
        f"Dot and line: interquartile mean over members and its 95 % bootstrap interval. Final "
        f"score: mean of a member's last {FINAL_EVALUATIONS} evaluations. Area: by trapezoids, "
        "over the width of the curve. Probability of improvement: that a member's final score is "
        "above that of a member of the control (the same settings with nothing stopped) or of the "
        "protected (with a stop that protects), with its 95 % interval; at 0.5 nothing is told.",
        tuple(panels),
    )


def _gradients(section: Section, part: _Part, styles: dict[str, int]) -> Picture:
    """Gradient norm and movement of every module in the section's update."""
    # A curve's variants may write where others of them do not: such lines get styles of their own.
    own = {score.curve.label: styles[score.curve.variant.label] for score in part.scores}
    variants = [variant for score in part.scores for variant in score.curve.variants]
    panels = []
    for module in ("critic", "critic_target", "actor", "actor_target"):
        for quantity, words in (("gradient_norm", "gradient norm"), ("movement", "movement")):
            tag = f"{SEPARATION}/{section.update}/{module}/{quantity}"
            lines = []
            for those in _alike(variants, tag):
                whole = next((s.curve for s in part.scores if s.curve.variants == those), None)
                label = ", ".join(_labels(those)) if whole is None else whole.label
                style = own.setdefault(label, len(own) % LINE_STYLES)
                band = middle_half(those[0].series[tag])
                lines.append(Line(label, style, band, tag, _labels(those)))
            if lines:
                panels.append(Panel(f"{module}: {words}", words, tuple(lines), logarithmic=True))
    return Picture(
        f"{section.key}-gradients{part.name}",
        "gradients",
        f"{section.title}: gradient norms and movement{part.title}",
        f"Gradient norms and movement{part.title}",
        "By module, in the update that the stop is for: the norm of the module's .grad (no line "
        "where it is None), and how far that very update moved its weights. Line: interquartile "
        "mean over members. Band: their quartiles. A zero has no place on a logarithmic axis, so a "
        "module that is not drawn got nothing.",
        tuple(panels),
    )


def _alike(variants: Sequence[Variant], tag: str) -> list[tuple[Variant, ...]]:
    """Variants that have a non-zero value of `tag`, those with equal values together."""
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


def _values(section: Section, scores: Sequence[Score]) -> Picture:
    panels = []
    for score in scores:
        if score.value is not None and score.discounted is not None:
            names = _labels(score.curve.variants)
            expected, earned = score.value, score.discounted
            lines = (
                Line("Q(s₀, μ(s₀)): what the critic expects", 0, expected, VALUE_Q_START, names),
                Line("discounted return: what is earned", 1, earned, RETURN_DISCOUNTED, names),
            )
            panels.append(Panel(score.curve.short, "value", lines))
    return Picture(
        f"{section.key}-values",
        "values",
        f"{section.title}: Q against measured returns",
        "Q against measured returns",
        "In the episodes of each evaluation. Q far above the return: the critic flatters. "
        f"{_INTERVAL}",
        tuple(panels),
    )


def _cost(section: Section, prices: dict[str, Price], styles: dict[str, int]) -> Picture:
    def dots(title: str, label: str, figure: dict[str, Estimate]) -> Dots:
        return Dots(
            title,
            label,
            tuple(Dot(name, styles[name], each) for name, each in figure.items()),
            x_limits=(0, 1.08 * max(each.high for each in figure.values())),
        )

    def whole(value: float) -> Estimate:
        return Estimate(value, value, value, 1)

    return Picture(
        f"{section.key}-cost",
        "cost",
        f"{section.title}: cost of one update",
        "Cost of one update",
        "Measured in turns in one process, on one thread, all members of a run side by side. Dot "
        "and line: median and quartiles over the repeats.",
        (
            dots("Processor time", "milliseconds", {n: p.milliseconds for n, p in prices.items()}),
            dots(
                "Peak memory",
                "KiB allocated within the update",
                {n: _kibibytes(p.peak_bytes) for n, p in prices.items()},
            ),
            dots(
                "Saved for the backward pass",
                "KiB",
                {n: _kibibytes(whole(p.saved_bytes)) for n, p in prices.items()},
            ),
        ),
    )


def _kibibytes(figure: Estimate) -> Estimate:
    value, low, high, members = figure
    return Estimate(value / 1024, low / 1024, high / 1024, members)
