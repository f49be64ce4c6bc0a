"""Pictures of runs: learning curves next to the separation of actor and critic."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from ddpg.errors import ConfigError
from ddpg.evaluation.palette import COLOURS, MATPLOTLIB_STYLE, line_style
from ddpg.runs.csv_log import parse_number, read_rows
from ddpg.runs.files import atomic_write
from ddpg.runs.folder import RunFolder
from ddpg.runs.tags import RETURN_EVALUATION, SEPARATION

_WIDTH, _HEIGHT, _NAME = 13, 3.1, 38
"""Size of a row in inches, and characters of a run's name per line."""
_GRADES = ["nothing", "zero gradient", "non-zero gradient", "moved"]
_MODULES = {
    "critic": (1, 7.0),
    "actor": (0, 4.6),
    "critic_target": (2, 2.8),
    "actor_target": (3, 1.4),
}
"""Module -> style and width of its line. Narrow lines lie on wide ones, so that all are seen."""


@dataclass(frozen=True)
class RunCurve:
    """One tag of one run, for all members."""

    steps: NDArray[np.int64]
    """`[point]`: environment steps of one member."""
    values: NDArray[np.float64]
    """`[member, point]`."""


def read_curve(folder: RunFolder, tag: str) -> RunCurve:
    """Read `tag` from a run's `metrics.csv`, at the steps at which every member has a value.

    Raises:
        ConfigError: the run has no such values, or `metrics.csv` is damaged.
    """
    members = folder.stored_config().members
    points: dict[int, dict[int, float]] = {}
    _, rows = read_rows(folder.metrics_file, (), members)
    for row in rows:
        if tag in row.values:
            value = parse_number(folder.metrics_file, row, tag)
            points.setdefault(row.step, {})[row.member] = value
    steps = sorted(step for step, values in points.items() if len(values) == members)
    if not steps:
        raise ConfigError(f"cannot draw {folder.path}: it has no point of {tag!r}")
    values = np.array([[points[step][member] for step in steps] for member in range(members)])
    return RunCurve(np.array(steps), values)


def draw_runs(runs: list[Path], output: Path) -> None:
    """Draw one row per run: its returns, and the grades in both updates.

    Args:
        runs: folders of runs.
        output: the picture; its suffix chooses the format.

    Raises:
        ConfigError: a folder is not a run folder, a run has no points, or the format is unknown.
        OSError: the picture cannot be written.
    """
    with matplotlib.rc_context(MATPLOTLIB_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT * len(runs)), layout="constrained")
        formats = figure.canvas.get_supported_filetypes()
        if output.suffix[1:] not in formats:
            raise ConfigError(
                f"output: {str(output)!r} is not allowed; allowed: a name that ends in one of "
                + ", ".join(f".{name}" for name in sorted(formats))
            )
        rows = figure.subplots(len(runs), 3, squeeze=False, sharex=True, sharey="col")
        for axes, path in zip(rows, runs, strict=True):
            folder = RunFolder(path)
            _draw_return(axes[0], folder)
            for axis, update in zip(axes[1:], ("critic_update", "actor_update"), strict=True):
                _draw_grades(axis, folder, update)
        for axis in rows.flat:
            axis.set_xlabel("environment steps")
            axis.tick_params(labelbottom=True, labelleft=True)
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        handles, labels = rows[0, 1].get_legend_handles_labels()
        figure.legend(
            *(handles, labels), loc="outside lower center", ncols=4, frameon=False, handlelength=3.5
        )
        with atomic_write(output) as unfinished:
            figure.savefig(unfinished, dpi=110)


def _draw_return(axis: Axes, folder: RunFolder) -> None:
    """Draw the return of every member, and their median."""
    curve = read_curve(folder, RETURN_EVALUATION)
    axis.plot(curve.steps, curve.values.T, color=COLOURS[1], alpha=0.45, linewidth=0.8)
    axis.plot(curve.steps, np.median(curve.values, axis=0), color=COLOURS[1], linewidth=2)
    name = textwrap.fill(folder.path.resolve().name, _NAME)
    count = len(curve.values)
    members = "its only member" if count == 1 else f"median and {count} members"
    axis.set_title(f"{name}\nreturn: {members}", loc="left")
    axis.set_ylabel("return")


def _draw_grades(axis: Axes, folder: RunFolder, update: str) -> None:
    """Draw the grade of each module in `update`; the highest of any member."""
    for module, (style, width) in _MODULES.items():
        curve = read_curve(folder, f"{SEPARATION}/{update}/{module}/grade")
        axis.plot(
            *(curve.steps, curve.values.max(axis=0)),
            color=COLOURS[style],
            linestyle=line_style(style),
            linewidth=width,
            dash_capstyle="butt",
            solid_capstyle="butt",
            marker="o" if len(curve.steps) == 1 else None,
            markersize=2 * width,
            label=module,
        )
    axis.set_yticks(range(len(_GRADES)), _GRADES)
    axis.set_ylim(-0.4, 3.4)
    axis.set_ylabel("effect of the loss")
    axis.set_title(f"{update.replace('_', ' ')}: effect on each module", loc="left")
