"""How speed grows with members, at several widths and batches, and its picture."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.processes import run_subject
from benchmarks.tables import Table
from benchmarks.work import Work
from ddpg.runs.files import atomic_write

MEMBERS = (1, 2, 4, 8, 16, 32, 64)
WIDTHS = (64, 256)
BATCHES = (64, 256)
_RANDOM_STEPS = 300


@dataclass(frozen=True)
class Point:
    """One process of this agent, eager."""

    members: int
    hidden: int
    """Width of each of the two hidden layers."""
    batch: int
    speed: float
    """Agent-steps per second."""
    memory: float
    """Peak resident memory in MiB."""


def sweep(seconds: float, threads: int, report: Callable[[str], None]) -> list[Point]:
    """Measure every pair of width and batch with every number of members, a process each.

    Args:
        seconds: what is timed in each, after as long to warm up.
        threads: of each process, and its processor cores.
        report: told of each process in a line.

    Raises:
        SubjectError: a process failed.
    """
    points = []
    # Members change slowest, so that a machine that slows down bends all lines alike.
    for members, hidden, batch in product(MEMBERS, WIDTHS, BATCHES):
        work = Work(
            hidden=hidden,
            batch=batch,
            members=members,
            threads=threads,
            random_steps=_RANDOM_STEPS,
            warm_seconds=seconds,
            seconds=seconds,
        )
        measured = run_subject("ddpg", work)
        points.append(Point(members, hidden, batch, measured.speed, measured.memory or 0.0))
        report(
            f"{members} members, [{hidden}, {hidden}], batch {batch}: "
            f"{measured.speed:,.0f} agent-steps/s"
        )
    return points


def lines(points: list[Point]) -> dict[str, list[Point]]:
    """The points of each width and batch, by a name for them."""
    found: dict[str, list[Point]] = {}
    for point in points:
        name = f"[{point.hidden}, {point.hidden}], batch {point.batch}"
        found.setdefault(name, []).append(point)
    return found


def scaling_table(points: list[Point]) -> Table:
    """A row a number of members: agent-steps per second, and the gain over one member."""
    by_line = lines(points)
    rows = []
    for index, members in enumerate(point.members for point in next(iter(by_line.values()))):
        row = [str(members)]
        for line in by_line.values():
            point = line[index]
            row.append(f"{point.speed:,.0f} (×{point.speed / line[0].speed:.1f})")
        row.append(f"{max(line[index].memory for line in by_line.values()):,.0f}")
        rows.append(row)
    columns = ["members", *by_line, "most memory, MiB"]
    return Table("scaling", "Agent-steps per second (and the gain over one member)", columns, rows)


def draw(points: list[Point], picture: Path) -> None:
    """Agent-steps per second over members, and the time of a step of all members.

    Args:
        points: what was measured.
        picture: a file to write, in a format that its ending names.

    Raises:
        OSError: it cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (speed, step) = plt.subplots(1, 2, figsize=(11, 4))
    for name, line in lines(points).items():
        members = [point.members for point in line]
        speed.plot(members, [point.speed for point in line], marker="o", label=name)
        milliseconds = [1e3 * point.members / point.speed for point in line]
        step.plot(members, milliseconds, marker="o", label=name)
    speed.set_ylabel("agent-steps per second")
    step.set_ylabel("milliseconds of a step of all members")
    for axis in (speed, step):
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        axis.set_xticks(MEMBERS, [str(members) for members in MEMBERS])
        axis.set_xlabel("members")
        axis.grid(alpha=0.3)
    # There the lines leave a corner free.
    step.legend(fontsize="small", loc="upper left")
    figure.tight_layout()
    with atomic_write(picture) as unfinished:
        figure.savefig(unfinished, dpi=110)
    plt.close(figure)
