"""Pictures of runs: learning curves next to the separation of actor and critic."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ddpg.errors import ConfigError
from ddpg.runs.csv_log import parse_number, read_rows
from ddpg.runs.files import atomic_write
from ddpg.runs.folder import RunFolder
from ddpg.runs.tags import RETURN_EVALUATION, SEPARATION

_GRADES = ["nothing", "zero gradient", "non-zero gradient", "moved"]


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
    formats = plt.gcf().canvas.get_supported_filetypes()
    plt.close()
    if output.suffix[1:] not in formats:
        raise ConfigError(
            f"output: {str(output)!r} is not allowed; allowed: a name that ends in one of "
            + ", ".join(f".{name}" for name in sorted(formats))
        )
    figure, rows = plt.subplots(
        len(runs), 3, figsize=(13, 3.1 * len(runs)), squeeze=False, sharex="row", sharey="col"
    )
    for axes, path in zip(rows, runs, strict=True):
        folder = RunFolder(path)
        _draw_return(axes[0], folder)
        for axis, update in zip(axes[1:], ("critic_update", "actor_update"), strict=True):
            _draw_grades(axis, folder, update)
        for axis in axes:
            axis.grid(alpha=0.3)
            axis.set_xlabel("environment steps")
    figure.tight_layout()
    with atomic_write(output) as unfinished:
        figure.savefig(unfinished, dpi=110)
    plt.close(figure)


def _draw_return(axis: Axes, folder: RunFolder) -> None:
    """Draw the return of every member, and their median."""
    curve = read_curve(folder, RETURN_EVALUATION)
    axis.plot(curve.steps, curve.values.T, color="tab:blue", alpha=0.25, linewidth=1)
    axis.plot(curve.steps, np.median(curve.values, axis=0), color="tab:blue", linewidth=2)
    axis.set_title(f"{folder.path.name}: return (median and {len(curve.values)} members)")


def _draw_grades(axis: Axes, folder: RunFolder, update: str) -> None:
    """Draw the grade of each module in `update`; the highest of any member."""
    modules = ["critic", "actor", "critic_target", "actor_target"]
    for index, module in enumerate(modules):
        curve = read_curve(folder, f"{SEPARATION}/{update}/{module}/grade")
        # Shifted, since the four lines share four levels.
        shifted = curve.values.max(axis=0) + 0.09 * (index - 1.5)
        axis.plot(curve.steps, shifted, marker="o", markersize=3, label=module)
    axis.set_yticks(range(len(_GRADES)), _GRADES)
    axis.set_ylim(-0.4, 3.4)
    axis.set_title(f"{update.replace('_', ' ')}: its loss, by module")
    axis.legend(fontsize="small", loc="center right", framealpha=0.8)
