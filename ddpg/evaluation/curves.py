"""Pictures of runs: learning curves next to the separation of actor and critic."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from ddpg.config.fields import refusal
from ddpg.errors import ConfigError
from ddpg.evaluation.palette import COLOURS, INK, MATPLOTLIB_STYLE, RULE, line_style
from ddpg.runs.csv_log import parse_value, read_rows
from ddpg.runs.files import as_utf8, atomic_write, require_output
from ddpg.runs.folder import RunFolder
from ddpg.runs.tags import RETURN_EVALUATION, SEPARATION

_WIDTH, _HEIGHT, _NAME = 13, 3.1, 38
"""Size of a row in inches, and characters of a run's name per line."""
_FORMATS = (".png", ".svg", ".pdf")
_MOST_RUNS = 50
"""Rows of a picture; their layout takes about a minute."""
_GRADES = ("nothing", "zero gradient", "gradient", "moved")
_MODULES = ("critic", "actor", "critic_target", "actor_target")
_TRAINED = {"critic_update": "critic", "actor_update": "actor"}
_MOVED_TRAINED, _MOVED_OTHER = COLOURS[2], COLOURS[0]
_FILLS = (RULE, "#9cc3de", "#e3b94f", _MOVED_OTHER)
"""Colour of each grade of a module that the update does not train."""


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
            value = parse_value(folder.metrics_file, row, tag)
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
        ConfigError: a folder is not a run folder, a run has no points or invalid ones, there are
            too many runs, or the format is unknown.
        OSError: the picture cannot be written.
    """
    if output.suffix not in _FORMATS:
        allowed = f"a name that ends in one of {', '.join(_FORMATS)}"
        raise ConfigError(refusal("output", str(output), allowed))
    if len(runs) > _MOST_RUNS:
        raise ConfigError(refusal("runs", len(runs), f"1 to {_MOST_RUNS} in one picture"))
    require_output(output)
    with matplotlib.rc_context(MATPLOTLIB_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT * len(runs)), layout="constrained")
        rows = figure.subplots(len(runs), 3, squeeze=False, sharex=True, sharey="col")
        for axes, path in zip(rows, runs, strict=True):
            folder = RunFolder(path)
            end = _draw_return(axes[0], folder)
            for axis, (update, trained) in zip(axes[1:], _TRAINED.items(), strict=True):
                _draw_grades(axis, folder, update, trained, end)
        for axis in rows.flat:
            axis.set_xlabel("environment steps")
            axis.tick_params(labelbottom=True, labelleft=True)
            axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        fills = (_MOVED_TRAINED, *reversed(_FILLS))
        words = ("moved: trained by the update", "moved: a leak", *reversed(_GRADES[:-1]))
        figure.legend(
            handles=[
                Patch(color=fill, label=word) for fill, word in zip(fills, words, strict=True)
            ],
            **{"loc": "outside lower center", "ncols": 5, "frameon": False},
        )
        with atomic_write(output) as unfinished:
            figure.savefig(unfinished, dpi=110)


def _draw_return(axis: Axes, folder: RunFolder) -> int:
    """Draw the return of every member, and their median; return the last step."""
    curve = read_curve(folder, RETURN_EVALUATION)
    config = folder.stored_config()
    # As in the report of a comparison, the control is the dashed line.
    style = 0 if "none" in (config.stop, config.actor_stop) else 1
    axis.plot(curve.steps, curve.values.T, color=COLOURS[style], alpha=0.45, linewidth=0.8)
    axis.plot(
        *(curve.steps, np.median(curve.values, axis=0)),
        color=COLOURS[style],
        linestyle=line_style(style),
        linewidth=2,
        marker="o" if len(curve.steps) == 1 else None,
    )
    name = textwrap.fill(as_utf8(folder.path.resolve().name).decode(), _NAME)
    count = len(curve.values)
    members = "its only member" if count == 1 else f"median and {count} members"
    axis.set_title(f"{name}\nreturn: {members}", loc="left")
    axis.set_ylabel("return")
    return int(curve.steps[-1])


def _draw_grades(axis: Axes, folder: RunFolder, update: str, trained: str, end: int) -> None:
    """Draw one lane per module: its grade in `update`, the highest of any member, up to `end`."""
    for lane, module in enumerate(_MODULES):
        tag = f"{SEPARATION}/{update}/{module}/grade"
        curve = read_curve(folder, tag)
        invalid = curve.values[~np.isin(curve.values, range(len(_GRADES)))]
        if invalid.size:
            raise ConfigError(
                f"cannot draw {folder.path}: {tag} has the value {invalid[0]:g}; allowed: 0 to "
                f"{len(_GRADES) - 1}"
            )
        grades = curve.values.max(axis=0).astype(int)
        changes = [0, *(np.flatnonzero(np.diff(grades)) + 1)]
        starts = curve.steps[changes]
        widths = np.diff([*starts, max(end, curve.steps[-1] + 1)])
        for start, width, grade in zip(
            starts.tolist(), widths.tolist(), grades[changes], strict=True
        ):
            intended = module == trained and grade == 3
            fill = _MOVED_TRAINED if intended else _FILLS[grade]
            axis.broken_barh([(start, width)], (lane - 0.4, 0.8), color=fill)
            if width > 0.2 * end:
                axis.text(
                    *(start + 0.02 * end, lane, _GRADES[grade]),
                    color="white" if grade == 3 else INK,
                    verticalalignment="center",
                )
    axis.set_yticks(range(len(_MODULES)), _MODULES)
    axis.set_ylim(len(_MODULES) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.set_ylabel("module")
    axis.set_title(f"effect of the {update.replace('_', ' ')} on", loc="left")
