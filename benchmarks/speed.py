"""Speed, start-up and memory of several subjects in interleaved repeats."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.measurement import Measurement
from benchmarks.processes import run_subject
from benchmarks.subjects import SUBJECTS
from benchmarks.tables import Table, spread
from benchmarks.work import SIZES, Work

_BASE = "stable-baselines3"
"""What ratios are over, if it takes part; else the first subject is."""


@dataclass(frozen=True)
class Speeds:
    """All repeats of one subject at one size."""

    subject: str
    size: str
    """A name of `SIZES`."""
    members: int
    repeats: list[Measurement]
    """A process each; those with the same index ran in the same round."""

    @property
    def speed(self) -> float:
        """Median of the agent-steps per second."""
        return median(repeat.speed for repeat in self.repeats)

    def ratios(self, base: "Speeds", figure: str = "speed") -> list[float]:
        """A figure of `Measurement` over that of `base`, round by round."""
        pairs = zip(self.repeats, base.repeats, strict=True)
        return [getattr(one, figure) / getattr(other, figure) for one, other in pairs]


def compare(
    subjects: list[str],
    sizes: list[str],
    repeats: int,
    seconds: float,
    threads: int,
    report: Callable[[str], None],
) -> list[Speeds]:
    """Measure each subject at each size `repeats` times; all of them take turns in every round.

    Args:
        subjects: names of `SUBJECTS`.
        sizes: names of `SIZES`.
        repeats: processes of each subject and size.
        seconds: what is timed in each, after a fifth of it to warm up.
        threads: of each process, and its processor cores.
        report: told of each process in a line.

    Raises:
        SubjectError: a subject failed.
    """
    found: dict[tuple[str, str], list[Measurement]] = {
        (size, subject): [] for size in sizes for subject in subjects
    }
    for turn in range(repeats):
        for (size, subject), measurements in found.items():
            work = Work(
                hidden=SIZES[size].hidden,
                batch=SIZES[size].batch,
                members=SUBJECTS[subject].members,
                threads=threads,
                seed=turn,
                warm_seconds=seconds / 5,
                seconds=seconds,
            )
            measurements.append(run_subject(subject, work))
            report(
                f"round {turn + 1} of {repeats}, {size}: {subject} "
                f"{measurements[-1].speed:,.0f} agent-steps/s"
            )
    return [
        Speeds(subject, size, SUBJECTS[subject].members, measurements)
        for (size, subject), measurements in found.items()
    ]


def limit_share(speeds: Speeds, every: list[Speeds], figure: str = "speed") -> list[float] | None:
    """How much of the limit of as many members `speeds` reaches, round by round; None: no limit.

    Args:
        speeds: whose share is told.
        every: where its limit is looked for.
        figure: of the limit; `speed_with_torch`: with torch's products alone.
    """
    if SUBJECTS[speeds.subject].is_limit:
        return None
    for other in every:
        is_its = SUBJECTS[other.subject].is_limit and other.members == speeds.members
        if is_its and other.size == speeds.size:
            pairs = zip(speeds.repeats, other.repeats, strict=True)
            return [one.speed / getattr(limit, figure) for one, limit in pairs]
    return None


def speed_table(size: str, every: list[Speeds]) -> Table:
    """A row a subject: median and range over the repeats, ratios within the rounds."""
    here = [speeds for speeds in every if speeds.size == size]
    base = next((speeds for speeds in here if speeds.subject == _BASE), here[0])
    rows = [
        [
            speeds.subject,
            spread([repeat.speed for repeat in speeds.repeats]),
            spread(speeds.ratios(base), 2),
            f"{median(speeds.ratios(base, 'by_processor_time')):.2f}",
            _percent(limit_share(speeds, here)),
            _percent(limit_share(speeds, here, "speed_with_torch")),
            _median(speeds, "startup", 1),
            _median(speeds, "first_updates", 1),
            _median(speeds, "memory", 0),
            _median(speeds, "helper_memory", 0),
            _median(speeds, "processor_share", 2),
        ]
        for speeds in here
    ]
    columns = [
        "subject",
        "agent-steps/s",
        f"over {base.subject}",
        "by processor time",
        "% of the limit",
        "with torch's products",
        "start-up, s",
        "first updates, s",
        "memory, MiB",
        "of helpers",
        "processor/wall",
    ]
    width, batch = SIZES[size]
    title = f"Speed, {size}: [{width}, {width}], batch {batch}; medians (and ranges)"
    return Table(f"speed-{size}", title, columns, rows)


def _percent(shares: list[float] | None) -> str:
    return spread([100 * share for share in shares]) if shares else ""


def _median(speeds: Speeds, field: str, digits: int) -> str:
    values = [getattr(repeat, field) for repeat in speeds.repeats]
    return "" if values[0] is None else f"{median(values):,.{digits}f}"


def limit_table(every: list[Speeds]) -> Table:
    """What the limits are made of, in microseconds of a step of all members."""
    rows = []
    for speeds in every:
        if SUBJECTS[speeds.subject].is_limit:
            parts = [repeat.parts or {} for repeat in speeds.repeats]
            rows += [
                [speeds.size, str(speeds.members), name, spread([part[name] for part in parts], 1)]
                for name in parts[0]
            ]
    return Table("limit", "The limit's parts", ["size", "members", "part", "µs a step"], rows)
