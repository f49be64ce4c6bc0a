"""Sections that differ in the bootstrap actor alone, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from ddpg.comparison.report.analysis import Analysis, CurveSummary
from ddpg.comparison.report.claims import ClaimStatus, observation, variant_status
from ddpg.comparison.report.panels import ReportFigure
from ddpg.comparison.report.sections import ReportSection


@dataclass(frozen=True)
class SideCell:
    """One variant with one bootstrap actor."""

    status: ClaimStatus
    observed: str
    """Modules that the update moved, in words."""
    summary: CurveSummary


@dataclass(frozen=True)
class SideBySide:
    """Sections of one environment, update and optimizer, one per bootstrap actor."""

    title: str
    analyses: tuple[Analysis, ...]
    curves: tuple[ReportFigure, ...]
    """Figure of learning curves per section."""
    rows: dict[str, tuple[SideCell | None, ...]]
    """Variant -> one cell per section; None if the section lacks the variant."""


def sides(contents: Sequence[tuple[Analysis, ReportFigure]]) -> list[SideBySide]:
    """Return the groups of at least two sections that differ in the bootstrap actor alone.

    Args:
        contents: analysis and figure of learning curves of each section.
    """
    groups: dict[tuple[str, str, str], list[tuple[Analysis, ReportFigure]]] = {}
    for analysis, curves in contents:
        section = analysis.section
        key = (section.env, section.update, section.optimizer)
        groups.setdefault(key, []).append((analysis, curves))
    return [_side_by_side(group) for group in groups.values() if len(group) > 1]


def _side_by_side(group: Sequence[tuple[Analysis, ReportFigure]]) -> SideBySide:
    analyses, curves = zip(*group, strict=True)
    section: ReportSection = analyses[0].section
    columns = [_cells(analysis) for analysis in analyses]
    names = dict.fromkeys(name for column in columns for name in column)
    return SideBySide(
        f"{section.env}: {section.update.replace('_', ' ')}, {section.optimizer_name}, both "
        "bootstraps side by side",
        analyses,
        curves,
        {name: tuple(column.get(name) for column in columns) for name in names},
    )


def _cells(analysis: Analysis) -> dict[str, SideCell]:
    summaries = {v.label: each for each in analysis.curves for v in each.curve.variants}
    return {
        variant.name: SideCell(
            variant_status(analysis, variant),
            observation(analysis, variant),
            summaries[variant.label],
        )
        for variant in analysis.section.variants
    }
