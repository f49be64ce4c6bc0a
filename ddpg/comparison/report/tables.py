"""Tables of a report: `figures.csv`, every number it shows, and `returns.csv`, their source."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ddpg.comparison.report.analysis import Analysis
from ddpg.comparison.report.panels import ReportFigure
from ddpg.comparison.report.sections import ReportSection
from ddpg.comparison.report.statistics import Estimate
from ddpg.runs.tags import RETURN_EVALUATION


class NumberRow(NamedTuple):
    """Row of `figures.csv`; its fields are the columns."""

    env: str
    update: str
    bootstrap_actor: str
    optimizer: str
    variant: str
    metric: str
    step: int | None
    """Environment steps; None for a number of the whole run."""
    value: float
    low: float
    high: float
    members: int
    """Sample size: members, repeats of a cost, or audits of a grade."""
    hash: str
    """Hash of the variant's curve."""


class ReturnRow(NamedTuple):
    """Row of `returns.csv`; its fields are the columns."""

    env: str
    update: str
    bootstrap_actor: str
    optimizer: str
    variant: str
    seed: int
    step: int
    evaluation: float
    """Mean undiscounted return of the member's deterministic policy in that evaluation."""


def return_rows(section: ReportSection) -> Iterable[ReturnRow]:
    """Return each member's return in each evaluation of a section."""
    place = _place(section)
    for variant in section.variants:
        steps, values = variant.series[RETURN_EVALUATION]
        for seed, curve in zip(variant.seeds, values, strict=True):
            for step, value in zip(steps, curve, strict=True):
                yield ReturnRow(*place, variant.label, seed, int(step), float(value))


def number_rows(analysis: Analysis, figures: Sequence[ReportFigure]) -> Iterable[NumberRow]:
    """Return every number of a section: scores, audits, costs, then the lines of its figures."""
    place = _place(analysis.section)
    hashes = {variant.label: variant.hash for variant in analysis.section.variants}
    for label, metric, estimate in _run_numbers(analysis):
        yield NumberRow(*place, label, metric, None, *estimate, hashes[label])
    for label, metric, step, estimate in _line_numbers(figures):
        yield NumberRow(*place, label, metric, step, *estimate, hashes[label])


def _place(section: ReportSection) -> tuple[str, str, str, str]:
    return section.env, section.update, section.bootstrap_actor, section.optimizer


def _run_numbers(analysis: Analysis) -> Iterable[tuple[str, str, Estimate]]:
    """Return variant, metric and estimate of every number of whole runs."""
    for summary in analysis.curves:
        for variant in summary.curve.variants:
            yield variant.label, "final_score", summary.final
            yield variant.label, "area_under_curve", summary.area
            if summary.improvement is not None:
                yield variant.label, "probability_of_improvement", summary.improvement
            if summary.over_protected is not None:
                yield variant.label, "improvement_over_protected", summary.over_protected
    for label, audits in analysis.audits.items():
        for (update, module), audit in audits.items():
            for name in ("reached", "grade", "share"):
                estimate = _exact(getattr(audit, name), audit.audits)
                yield label, f"{update}/{module}/{name}", estimate
    for label, cost in analysis.costs.items():
        yield label, "milliseconds_per_update", cost.milliseconds
        yield label, "peak_bytes", cost.peak_bytes
        yield label, "saved_tensors", _exact(cost.saved_tensors, cost.repeats)
        yield label, "saved_bytes", _exact(cost.saved_bytes, cost.repeats)


def _line_numbers(figures: Sequence[ReportFigure]) -> Iterable[tuple[str, str, int, Estimate]]:
    """Return variant, metric, step and estimate of every point of the lines, each once."""
    written: set[tuple[str, str]] = set()
    for line in [line for figure in figures for line in figure.lines]:
        for variant in line.variants:
            if (variant, line.metric) not in written:
                written.add((variant, line.metric))
                steps, *columns, members = line.band
                for step, value, low, high in zip(steps, *columns, strict=True):
                    estimate = Estimate(float(value), float(low), float(high), members)
                    yield variant, line.metric, int(step), estimate


def _exact(value: float, members: int) -> Estimate:
    return Estimate(float(value), float(value), float(value), members)


def write_csv(
    row_type: type[NumberRow] | type[ReturnRow], rows: Iterable[NamedTuple], path: Path
) -> None:
    """Write rows under a header of their fields."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(row_type._fields)
        writer.writerows(rows)
