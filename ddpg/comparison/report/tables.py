"""`figures.csv`: every number that a report shows, a row each; `returns.csv`: what they are of."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ddpg.comparison.report.analysis import Analysis
from ddpg.comparison.report.panels import Picture
from ddpg.comparison.report.statistics import Estimate
from ddpg.comparison.report.variants import Section
from ddpg.runs.tracking import RETURN_EVALUATION


class Figure(NamedTuple):
    """A row; its fields are the columns."""

    env: str
    update: str
    bootstrap_actor: str
    optimizer: str
    variant: str
    metric: str
    step: int | None
    """Environment steps; None for what is of the whole run."""
    value: float
    low: float
    high: float
    members: int
    """Behind the figure; of a cost: its repeats; of an audit's grade: the audits."""
    hash: str
    """Of the variant's curve: equal hashes are one curve."""


class Return(NamedTuple):
    """A row of `returns.csv`; its fields are the columns."""

    env: str
    update: str
    bootstrap_actor: str
    optimizer: str
    variant: str
    seed: int
    step: int
    evaluation: float
    """Mean undiscounted return of the member's deterministic policy in that evaluation."""


def returns(section: Section) -> Iterable[Return]:
    """Each member's return in each evaluation of a section."""
    place = (section.env, section.update, section.bootstrap_actor, section.optimizer)
    for variant in section.variants:
        steps, values = variant.series[RETURN_EVALUATION]
        for seed, curve in zip(variant.seeds, values, strict=True):
            for step, value in zip(steps, curve, strict=True):
                yield Return(*place, variant.label, seed, int(step), float(value))


def figures(analysis: Analysis, pictures: Sequence[Picture]) -> Iterable[Figure]:
    """All of a section."""
    section = analysis.section
    place = (section.env, section.update, section.bootstrap_actor, section.optimizer)
    hashes = {variant.label: variant.hash for variant in section.variants}

    def row(variant: str, metric: str, figure: Estimate) -> Figure:
        return Figure(*place, variant, metric, None, *figure, hashes[variant])

    for score in analysis.scores:
        for variant in score.curve.variants:
            yield row(variant.label, "final_score", score.final)
            yield row(variant.label, "area_under_curve", score.area)
            if score.improvement is not None:
                yield row(variant.label, "probability_of_improvement", score.improvement)
            if score.over_protected is not None:
                yield row(variant.label, "improvement_over_protected", score.over_protected)
    for label, touches in analysis.touches.items():
        for (update, module), touch in touches.items():
            for name in ("reached", "grade", "share"):
                value = float(getattr(touch, name))
                seen = Estimate(value, value, value, touch.audits)
                yield row(label, f"{update}/{module}/{name}", seen)
    for label, price in analysis.prices.items():
        yield row(label, "milliseconds_per_update", price.milliseconds)
        yield row(label, "peak_bytes", price.peak_bytes)
        for name in ("saved_tensors", "saved_bytes"):
            amount = float(getattr(price, name))
            yield row(label, name, Estimate(amount, amount, amount, price.repeats))
    written: set[tuple[str, str]] = set()
    for line in [line for picture in pictures for line in picture.lines]:
        for variant in line.variants:
            if (variant, line.metric) not in written:
                written.add((variant, line.metric))
                steps, *columns, members = line.band
                for step, value, low, high in zip(steps, *columns, strict=True):
                    point = Estimate(float(value), float(low), float(high), members)
                    yield row(variant, line.metric, point)._replace(step=int(step))


def write_table(kind: type[Figure] | type[Return], rows: Iterable[NamedTuple], path: Path) -> None:
    """Write a CSV file, with the fields of `kind` as its header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(kind._fields)
        writer.writerows(rows)
