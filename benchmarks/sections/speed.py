"""Speed, start-up and memory of several subjects in interleaved repeats."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.report.tables import MeasuredTable, spread
from benchmarks.subjects.registry import SUBJECTS
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.processes import run_subject
from benchmarks.workload import SIZES, Workload

_BASELINE = "stable-baselines3"
"""Denominator of the ratios if it is measured; otherwise the first subject."""


@dataclass(frozen=True)
class SubjectSpeeds:
    """All repeats of one subject at one size."""

    subject: str
    size: str
    """Key of `SIZES`."""
    members: int
    repeats: list[Measurement]
    """One process per round; the same index is the same round for every subject."""

    @property
    def speed(self) -> float:
        """Median of the agent-steps per second."""
        return median(repeat.speed for repeat in self.repeats)

    def ratios(self, baseline: "SubjectSpeeds", figure: str = "speed") -> list[float]:
        """Return a figure of `Measurement` divided by the one of `baseline`, per round."""
        pairs = zip(self.repeats, baseline.repeats, strict=True)
        return [getattr(one, figure) / getattr(other, figure) for one, other in pairs]


def measure_speeds(
    subjects: list[str],
    sizes: list[str],
    repeats: int,
    seconds: float,
    threads: int,
    report: Callable[[str], None],
) -> list[SubjectSpeeds]:
    """Measure each subject at each size `repeats` times. Each runs once per round.

    Args:
        subjects: keys of `SUBJECTS`.
        sizes: keys of `SIZES`.
        repeats: number of rounds.
        seconds: timed seconds per process, after a warm-up of a fifth of them.
        threads: threads and processor cores per process.
        report: called with one line per process.

    Raises:
        SubjectError: a subject failed.
    """
    measurements: dict[tuple[str, str], list[Measurement]] = {
        (size, subject): [] for size in sizes for subject in subjects
    }
    for turn in range(repeats):
        for size, subject in measurements:
            workload = Workload(
                hidden=SIZES[size].hidden,
                batch=SIZES[size].batch,
                members=SUBJECTS[subject].members,
                threads=threads,
                seed=turn,
                warm_seconds=seconds / 5,
                seconds=seconds,
            )
            measurement = run_subject(subject, workload)
            measurements[size, subject].append(measurement)
            report(
                f"round {turn + 1} of {repeats}, {size}: {subject} "
                f"{measurement.speed:,.0f} agent-steps/s"
            )
    return [
        SubjectSpeeds(subject, size, SUBJECTS[subject].members, repeated)
        for (size, subject), repeated in measurements.items()
    ]


def limit_share(
    speeds: SubjectSpeeds, all_speeds: list[SubjectSpeeds], figure: str = "speed"
) -> list[float] | None:
    """Return the share of the limit that `speeds` reaches, per round; None without a limit.

    Args:
        speeds: one subject.
        all_speeds: all subjects; the limit has the same size and number of members.
        figure: figure of the limit; `speed_with_torch` is its speed with torch's products.
    """
    if SUBJECTS[speeds.subject].is_limit:
        return None
    for other in all_speeds:
        same_work = (other.members, other.size) == (speeds.members, speeds.size)
        if SUBJECTS[other.subject].is_limit and same_work:
            pairs = zip(speeds.repeats, other.repeats, strict=True)
            return [one.speed / getattr(limit, figure) for one, limit in pairs]
    return None


def speed_table(size: str, all_speeds: list[SubjectSpeeds]) -> MeasuredTable:
    """Return one row per subject: medians and ranges over the repeats, ratios per round."""
    at_size = [speeds for speeds in all_speeds if speeds.size == size]
    baseline = next((speeds for speeds in at_size if speeds.subject == _BASELINE), at_size[0])
    rows = [
        [
            speeds.subject,
            spread([repeat.speed for repeat in speeds.repeats]),
            spread(speeds.ratios(baseline), 2),
            f"{median(speeds.ratios(baseline, 'by_processor_time')):.2f}",
            _percent(limit_share(speeds, at_size)),
            _percent(limit_share(speeds, at_size, "speed_with_torch")),
            _median(speeds, "startup", 1),
            _median(speeds, "first_updates", 1),
            _median(speeds, "memory", 0),
            _median(speeds, "helper_memory", 0),
            _median(speeds, "processor_share", 2),
        ]
        for speeds in at_size
    ]
    columns = [
        "subject",
        "agent-steps/s",
        f"over {baseline.subject}",
        f"over {baseline.subject}, by processor time",
        "% of the limit",
        "% of the limit with torch's products",
        "start-up, s",
        "first updates, s",
        "memory, MiB",
        "helper's memory, MiB",
        "processor/wall",
    ]
    width, batch = SIZES[size]
    title = f"Speed, {size}: [{width}, {width}], batch {batch}; medians (and ranges)"
    return MeasuredTable(f"speed-{size}", title, columns, rows)


def _percent(shares: list[float] | None) -> str:
    return spread([100 * share for share in shares]) if shares else ""


def _median(speeds: SubjectSpeeds, figure: str, digits: int) -> str:
    values = [getattr(repeat, figure) for repeat in speeds.repeats]
    return "" if values[0] is None else f"{median(values):,.{digits}f}"


def limit_table(all_speeds: list[SubjectSpeeds]) -> MeasuredTable:
    """Return the parts of the limits, in microseconds per step of all members."""
    rows = []
    for speeds in all_speeds:
        if SUBJECTS[speeds.subject].is_limit:
            parts = [repeat.parts or {} for repeat in speeds.repeats]
            rows += [
                [speeds.size, str(speeds.members), name, spread([part[name] for part in parts], 1)]
                for name in parts[0]
            ]
    columns = ["size", "members", "part", "µs per step"]
    return MeasuredTable("limit", "Parts of the limit", columns, rows)
