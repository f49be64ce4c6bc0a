"""The figures to reach, and how far a benchmark's are."""

from statistics import median
from typing import NamedTuple

from benchmarks.speed import Speeds, limit_share
from benchmarks.tables import Table, spread

_LIMIT, _TORCH_LIMIT = "the limit", "the limit with torch's products"


class _Target(NamedTuple):
    size: str
    subject: str
    over: str
    """The subject or limit that it is compared with; empty: a figure of its own."""
    figure: str
    """`speed`, or a field of `Measurement`."""
    bound: float
    """At least this for speeds, at most this for the others."""


_TARGETS = [
    _Target("small", "ddpg", "stable-baselines3", "speed", 2.5),
    _Target("small", "ddpg-compiled", "stable-baselines3", "speed", 5.0),
    _Target("small", "ddpg-compiled", "sbx", "speed", 1.5),
    _Target("large", "ddpg-compiled", "sbx", "speed", 1.2),
    _Target("large", "ddpg-compiled-medium", "sbx", "speed", 1.2),
    _Target("large", "ddpg-compiled", _LIMIT, "speed", 0.75),
    _Target("large", "ddpg-compiled-medium", _LIMIT, "speed", 0.75),
    _Target("large", "ddpg-compiled", _TORCH_LIMIT, "speed", 0.75),
    _Target("small", "ddpg-8-members-compiled", "stable-baselines3", "speed", 15.0),
    _Target("small", "ddpg-8-members-compiled-medium", "stable-baselines3", "speed", 15.0),
    _Target("small", "ddpg-8-members-compiled", _LIMIT, "speed", 0.55),
    _Target("small", "ddpg-8-members-compiled", _TORCH_LIMIT, "speed", 0.55),
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
    if target.over == _LIMIT:
        return limit_share(speeds, every)
    if target.over == _TORCH_LIMIT:
        return limit_share(speeds, every, "speed_with_torch")
    if not target.over:
        return [getattr(repeat, target.figure) for repeat in speeds.repeats]
    other = by_name.get((target.size, target.over))
    return speeds.ratios(other, target.figure) if other else None
