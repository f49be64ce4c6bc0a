"""The figures to reach, and how far a benchmark's are."""

from statistics import median
from typing import NamedTuple

from ddpg.benchmark.speed import Speeds, limit_share
from ddpg.benchmark.tables import Table, spread


class _Target(NamedTuple):
    size: str
    subject: str
    over: str
    """The subject that it is compared with; `limit`: the limit; empty: a figure of its own."""
    figure: str
    """`speed`, or a field of `Measurement`."""
    bound: float
    """At least this for speeds, at most this for the others."""


_TARGETS = [
    _Target("small", "ddpg", "stable-baselines3", "speed", 2.5),
    _Target("small", "ddpg-compiled", "stable-baselines3", "speed", 5.0),
    _Target("small", "ddpg-compiled", "sbx", "speed", 1.5),
    _Target("large", "ddpg-compiled", "sbx", "speed", 1.2),
    _Target("large", "ddpg-compiled", "limit", "speed", 0.75),
    _Target("small", "ddpg-8-members-compiled", "stable-baselines3", "speed", 15.0),
    _Target("small", "ddpg-8-members-compiled", "limit", "speed", 0.55),
    _Target("small", "ddpg", "", "startup", 3.0),
    _Target("small", "ddpg", "stable-baselines3", "memory", 1.0),
    _Target("small", "ddpg-compiled", "sbx", "memory", 1.0),
]


def targets_table(every: list[Speeds]) -> Table:
    """A row a target whose subjects were measured: what it asks for, what there is, and whether."""
    by_name = {(speeds.size, speeds.subject): speeds for speeds in every}
    rows = []
    for target in _TARGETS:
        found = _found(target, by_name, every)
        if found:
            speed = target.figure == "speed"
            reached = median(found) >= target.bound if speed else median(found) <= target.bound
            rows.append(
                [
                    f"{target.figure} of {target.subject}, {target.size}"
                    + (f", over {target.over}" if target.over else ", seconds"),
                    f"{'≥' if speed else '≤'} {target.bound:g}",
                    spread(found, 2),
                    "yes" if reached else "no",
                ]
            )
    columns = ["figure", "to reach", "measured", "reached"]
    return Table("targets", "The figures to reach", columns, rows)


def _found(
    target: _Target, by_name: dict[tuple[str, str], Speeds], every: list[Speeds]
) -> list[float] | None:
    """The figure, round by round; None where it was not measured."""
    speeds = by_name.get((target.size, target.subject))
    if speeds is None:
        return None
    if target.over == "limit":
        return limit_share(speeds, every)
    own = _figures(speeds, target.figure)
    if not target.over:
        return own
    other = by_name.get((target.size, target.over))
    if other is None:
        return None
    return [one / base for one, base in zip(own, _figures(other, target.figure), strict=True)]


def _figures(speeds: Speeds, figure: str) -> list[float]:
    return [getattr(repeat, figure) for repeat in speeds.repeats]
