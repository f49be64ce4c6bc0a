"""Speed over the number of members, at several widths and batches, as table and picture."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.report.tables import MeasuredTable
from benchmarks.timing.processes import run_subject
from benchmarks.workload import Workload
from ddpg.runs.files import atomic_write

MEMBERS = (1, 2, 4, 8, 16, 32, 64)
WIDTHS = (64, 256)
BATCHES = (64, 256)
_RANDOM_STEPS = 300


@dataclass(frozen=True)
class ScalingPoint:
    """Measurement of one process of this agent, eager."""

    members: int
    hidden: int
    """Width of each of the two hidden layers."""
    batch: int
    speed: float
    """Agent-steps per second."""
    memory: float
    """Peak resident memory in MiB."""


def measure_scaling(
    seconds: float, threads: int, report: Callable[[str], None]
) -> list[ScalingPoint]:
    """Measure every combination of members, width and batch, in one process each.

    Args:
        seconds: timed seconds per process, after a warm-up of the same length.
        threads: threads and processor cores per process.
        report: called with one line per process.

    Raises:
        SubjectError: a process failed.
    """
    points = []
    # Members in the outer loop, so that a machine that slows down affects all lines equally.
    for members, hidden, batch in product(MEMBERS, WIDTHS, BATCHES):
        workload = Workload(
            hidden=hidden,
            batch=batch,
            members=members,
            threads=threads,
            random_steps=_RANDOM_STEPS,
            warm_seconds=seconds,
            seconds=seconds,
        )
        measured = run_subject("ddpg", workload)
        memory = measured.memory or 0.0
        points.append(ScalingPoint(members, hidden, batch, measured.speed, memory))
        report(
            f"{members} members, [{hidden}, {hidden}], batch {batch}: "
            f"{measured.speed:,.0f} agent-steps/s"
        )
    return points


def _lines(points: list[ScalingPoint]) -> dict[str, list[ScalingPoint]]:
    """Return the points of each width and batch, by a label for both."""
    lines: dict[str, list[ScalingPoint]] = {}
    for point in points:
        label = f"[{point.hidden}, {point.hidden}], batch {point.batch}"
        lines.setdefault(label, []).append(point)
    return lines


def scaling_table(points: list[ScalingPoint]) -> MeasuredTable:
    """Return one row per number of members: agent-steps per second, and ratio to one member."""
    lines = _lines(points)
    rows = []
    for index, members in enumerate(point.members for point in next(iter(lines.values()))):
        row = [str(members)]
        for line in lines.values():
            point = line[index]
            row.append(f"{point.speed:,.0f} (×{point.speed / line[0].speed:.1f})")
        row.append(f"{max(line[index].memory for line in lines.values()):,.0f}")
        rows.append(row)
    columns = ["members", *lines, "peak memory, MiB"]
    title = "Agent-steps per second (and the ratio to one member)"
    return MeasuredTable("scaling", title, columns, rows)


def draw_scaling(points: list[ScalingPoint], picture: Path) -> None:
    """Draw agent-steps per second, and the time of a step of all members, over members.

    Args:
        points: result of `measure_scaling`.
        picture: file to write, in the format of its suffix.

    Raises:
        OSError: the file cannot be written.
    """
    # Importing Matplotlib is slow, and the timed processes import this module.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4))
    speed, step = figure.subplots(1, 2)
    for label, line in _lines(points).items():
        members = [point.members for point in line]
        speed.plot(members, [point.speed for point in line], marker="o", label=label)
        milliseconds = [1e3 * point.members / point.speed for point in line]
        step.plot(members, milliseconds, marker="o", label=label)
    speed.set_ylabel("agent-steps per second")
    step.set_ylabel("milliseconds per step of all members")
    for axis in (speed, step):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(MEMBERS, [str(members) for members in MEMBERS])
        axis.set_xlabel("members")
        axis.grid(alpha=0.3)
    step.legend(fontsize="small", loc="upper left")
    figure.tight_layout()
    with atomic_write(picture) as unfinished:
        figure.savefig(unfinished, dpi=110)
