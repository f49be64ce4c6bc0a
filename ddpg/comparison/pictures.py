"""Which pictures a section gets, and what their captions say."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.analysis import Analysis, Price, Score
from ddpg.comparison.panels import LINE_STYLES, Dot, Dots, Line, Panel, Picture
from ddpg.comparison.statistics import FINAL_EVALUATIONS, Estimate, middle_half
from ddpg.comparison.variants import Section, Variant
from ddpg.tracking import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

_INTERVAL = "Line: interquartile mean over members. Band: its 95 % bootstrap interval."


def pictures(analysis: Analysis) -> list[Picture]:
    """All of a section, in the order of its report."""
    section, scores, prices = analysis.section, analysis.scores, analysis.prices
    styles = _styles(section)
    made = [
        *_learning(section, scores, styles),
        _members(section, scores, styles),
        _score_dots(section, scores, styles),
        *_gradients(section),
    ]
    if any(score.value is not None for score in scores):
        made.append(_values(section, scores))
    if prices:
        made.append(_cost(section, prices, styles))
    return made


def _styles(section: Section) -> dict[str, int]:
    """Variant -> its curve's style; a control has style 0, which nobody else has."""
    styles: dict[str, int] = {}
    other = 0
    for curve in section.curves:
        style = 0
        if all(not variant.is_control for variant in curve.variants):
            style = 1 + other % (LINE_STYLES - 1)
            other += 1
        styles |= {variant.label: style for variant in curve.variants}
    return styles


def _learning(section: Section, scores: Sequence[Score], styles: dict[str, int]) -> list[Picture]:
    return [
        Picture(
            f"{section.key}-returns" + (f"-{number}" if number > 1 else ""),
            "returns",
            f"{section.title}: learning curves",
            "Learning curves",
            f"Undiscounted return of the deterministic policy. {_INTERVAL}",
            (
                Panel(
                    "Return in evaluation",
                    "return",
                    tuple(_returns(score, styles) for score in part),
                ),
            ),
        )
        for number, part in enumerate(_parts(section, scores), start=1)
    ]


def _returns(score: Score, styles: dict[str, int]) -> Line:
    curve = score.curve
    style = styles[curve.variant.label]
    return Line(curve.label, style, score.returns, RETURN_EVALUATION, _labels(curve.variants))


def _of_members(score: Score) -> NDArray[np.float64]:
    return score.curve.variant.series[RETURN_EVALUATION].values


def _labels(variants: Sequence[Variant]) -> tuple[str, ...]:
    return tuple(variant.label for variant in variants)


def _parts(section: Section, scores: Sequence[Score]) -> list[list[Score]]:
    """As many curves as can be told apart in a picture, each with its controls."""
    controls = [score for score in scores if section.control(score.curve) is score.curve]
    others = [score for score in scores if score not in controls]
    size = LINE_STYLES - 1
    parts: list[list[Score]] = []
    for first in range(0, max(len(others), 1), size):
        part = others[first : first + size]
        wanted = [section.control(score.curve) for score in part] or [None]
        parts.append([c for c in controls if c.curve in wanted or not part] + part)
    return parts


def _members(section: Section, scores: Sequence[Score], styles: dict[str, int]) -> Picture:
    return Picture(
        f"{section.key}-members",
        "members",
        f"{section.title}: every member",
        "Every member",
        f"Thin: each member's return in evaluation. {_INTERVAL}",
        tuple(
            Panel(
                f"{score.curve.short} ({score.curve.members} members)",
                "return",
                (replace(_returns(score, styles), members=_of_members(score)),),
            )
            for score in scores
        ),
    )


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


def _gradients(section: Section) -> list[Picture]:
    """Gradient norm and movement of every module in the section's update."""
    seen: dict[str, list[Variant]] = {}
    for variant in sorted(section.variants, key=lambda v: not v.is_control):
        seen.setdefault(variant.separation_hash, []).append(variant)
    groups = list(seen.values())
    made: list[Picture] = []
    for number, first in enumerate(range(0, len(groups), LINE_STYLES), start=1):
        part = groups[first : first + LINE_STYLES]
        panels = _gradient_panels(section, part)
        if panels:
            made.append(
                Picture(
                    f"{section.key}-gradients" + (f"-{number}" if number > 1 else ""),
                    "gradients",
                    f"{section.title}: gradient norms and movement",
                    "Gradient norms and movement",
                    "By module, in the update that the stop is for: the norm of the module's "
                    ".grad (no line where it is None), and how far that very update moved its "
                    "weights. Line: interquartile mean over members. Band: their quartiles. "
                    "A zero has no place on a logarithmic axis.",
                    tuple(panels),
                )
            )
    return made


def _gradient_panels(section: Section, groups: list[list[Variant]]) -> list[Panel]:
    panels: list[Panel] = []
    for module in ("critic", "critic_target", "actor", "actor_target"):
        for quantity, words in (("gradient_norm", "gradient norm"), ("movement", "movement")):
            tag = f"{SEPARATION}/{section.update}/{module}/{quantity}"
            lines = []
            for style, variants in enumerate(groups):
                series = variants[0].series.get(tag)
                if series is not None and np.nanmax(series.values) > 0:
                    names = _labels(variants)
                    band = middle_half(series)
                    lines.append(Line(", ".join(names), style, band, tag, names))
            if lines:
                panels.append(Panel(f"{module}: {words}", words, tuple(lines), logarithmic=True))
    return panels


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
            limits=(0, None),
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
