"""Scores of the study, computed from the returns in `docs/study`."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.reading import Series
from ddpg.comparison.report.statistics import (
    Estimate,
    areas,
    final_scores,
    interquartile_means,
    probability_of_improvement,
)

FOLDER = Path(__file__).parents[3] / "docs" / "study"
STUDIES = ("critic", "actor", "doses", "doses-target")
CONTROLS = (
    "none",
    "manual, actor × 1, critic_target × 1",
    "manual, actor_target × 1, critic_target × 1",
)
PROTECTED = {"critic": "detach", "actor": "optimizer", "doses": "manual", "doses-target": "manual"}
"""The first variant whose stop protects, per study."""


class Place(NamedTuple):
    """Section of a study; its fields are the first columns of the tables."""

    env: str
    update: str
    bootstrap_actor: str
    optimizer: str


def stored_returns(study: str) -> dict[Place, dict[str, Series]]:
    """Return the members' returns of each variant in each section, from `<study>-returns.csv`."""
    points: dict[Place, dict[str, dict[tuple[int, int], float]]] = {}
    with (FOLDER / f"{study}-returns.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = Place(*(row[name] for name in Place._fields))
            variant = points.setdefault(place, {}).setdefault(row["variant"], {})
            variant[int(row["seed"]), int(row["step"])] = float(row["evaluation"])
    return {
        place: {name: _series(variant) for name, variant in variants.items()}
        for place, variants in points.items()
    }


def _series(points: dict[tuple[int, int], float]) -> Series:
    seeds = sorted({seed for seed, _ in points})
    steps = sorted({step for _, step in points})
    return Series(
        np.array(steps), np.array([[points[seed, step] for step in steps] for seed in seeds])
    )


def estimates(study: str) -> Iterator[tuple[Place, str, str, int | None, Estimate]]:
    """Yield section, variant, metric, step and estimate of each number that the returns give."""
    for place, variants in stored_returns(study).items():
        finals = {name: final_scores(series) for name, series in variants.items()}
        for name, series in variants.items():
            columns = np.column_stack([finals[name], areas(series), series.values])
            final, area, *curve = _columns(columns)
            yield place, name, "final_score", None, final
            yield place, name, "area_under_curve", None, area
            for step, estimate in zip(series.steps, curve, strict=True):
                yield place, name, "return/evaluation", int(step), estimate
            control = next(each for each in CONTROLS if each in variants)
            for metric, other in (
                ("probability_of_improvement", control),
                ("improvement_over_protected", PROTECTED[study]),
            ):
                # Variants of one curve are not compared with each other.
                if not np.array_equal(series.values, variants[other].values):
                    better = probability_of_improvement(finals[name], finals[other])
                    yield place, name, metric, None, better


def _columns(values: NDArray[np.float64]) -> list[Estimate]:
    value, low, high = (bound.tolist() for bound in interquartile_means(values))
    return [Estimate(*each, len(values)) for each in zip(value, low, high, strict=True)]
