"""Targets for speed, start-up and memory, and whether a benchmark reaches them."""

from statistics import median
from typing import NamedTuple

from benchmarks.report.tables import MeasuredTable, spread
from benchmarks.sections.speed import SubjectSpeeds, limit_share

_LIMIT, _TORCH_LIMIT = "the limit", "the limit with torch's products"


class _SpeedTarget(NamedTuple):
    size: str
    subject: str
    over: str
    """Subject or limit in the denominator; empty for a figure that is not a ratio."""
    figure: str
    """`speed`, or a field of `Measurement`."""
    bound: float
    """Minimum for a speed, maximum for other figures."""


_TARGETS = [
    _SpeedTarget("small", "ddpg", "stable-baselines3", "speed", 2.5),
    _SpeedTarget("small", "ddpg-compiled", "stable-baselines3", "speed", 5.0),
    _SpeedTarget("small", "ddpg-compiled", "sbx", "speed", 1.5),
    _SpeedTarget("large", "ddpg-compiled", "sbx", "speed", 1.2),
    _SpeedTarget("large", "ddpg-compiled-medium", "sbx", "speed", 1.2),
    _SpeedTarget("large", "ddpg-compiled", _LIMIT, "speed", 0.75),
    _SpeedTarget("large", "ddpg-compiled-medium", _LIMIT, "speed", 0.75),
    _SpeedTarget("large", "ddpg-compiled", _TORCH_LIMIT, "speed", 0.75),
    _SpeedTarget("small", "ddpg-8-members-compiled", "stable-baselines3", "speed", 15.0),
    _SpeedTarget("small", "ddpg-8-members-compiled-medium", "stable-baselines3", "speed", 15.0),
    _SpeedTarget("small", "ddpg-8-members-compiled", _LIMIT, "speed", 0.55),
    _SpeedTarget("small", "ddpg-8-members-compiled", _TORCH_LIMIT, "speed", 0.55),
    _SpeedTarget("small", "ddpg", "", "startup", 3.0),
    _SpeedTarget("small", "ddpg", "stable-baselines3", "memory", 1.0),
    _SpeedTarget("small", "ddpg-compiled", "sbx", "memory", 1.0),
]


def targets_table(all_speeds: list[SubjectSpeeds]) -> MeasuredTable:
    """Return one row per target whose subjects were measured."""
    by_name = {(speeds.size, speeds.subject): speeds for speeds in all_speeds}
    rows = []
    for target in _TARGETS:
        values = _measured_values(target, by_name, all_speeds)
        if values:
            is_speed = target.figure == "speed"
            middle = median(values)
            reached = middle >= target.bound if is_speed else middle <= target.bound
            rows.append(
                [
                    f"{target.figure} of {target.subject}, {target.size}"
                    + (f", over {target.over}" if target.over else ", seconds"),
                    f"{'≥' if is_speed else '≤'} {target.bound:g}",
                    spread(values, 2),
                    "yes" if reached else "no",
                ]
            )
    return MeasuredTable("targets", "Targets", ["figure", "target", "measured", "reached"], rows)


def _measured_values(
    target: _SpeedTarget,
    by_name: dict[tuple[str, str], SubjectSpeeds],
    all_speeds: list[SubjectSpeeds],
) -> list[float] | None:
    """Return the figure of a target per round, or None if it was not measured."""
    speeds = by_name.get((target.size, target.subject))
    if speeds is None:
        return None
    if target.over == _LIMIT:
        return limit_share(speeds, all_speeds)
    if target.over == _TORCH_LIMIT:
        return limit_share(speeds, all_speeds, "speed_with_torch")
    if not target.over:
        return [getattr(repeat, target.figure) for repeat in speeds.repeats]
    other = by_name.get((target.size, target.over))
    return speeds.ratios(other, target.figure) if other else None
