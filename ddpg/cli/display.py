"""Progress bar and tables in the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Column, Table
from rich.text import Text

from ddpg.evaluation.confidence import has_scipy
from ddpg.evaluation.scores import Evaluation, MemberScore
from ddpg.training.progress import Progress


class SpeedColumn(ProgressColumn):
    """Column of steps per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} steps/s" if task.speed else "")


@contextmanager
def progress_display() -> Iterator[Bar]:
    """Context manager: a progress bar on standard error; update it with `show`."""
    whole = partial(Column, no_wrap=True)
    bar = Bar(
        MofNCompleteColumn(table_column=whole(min_width=15)),
        BarColumn(bar_width=6, table_column=whole(min_width=6)),
        SpeedColumn(table_column=whole(min_width=11)),
        TimeRemainingColumn(table_column=whole(min_width=7)),
        TextColumn("return {task.fields[returns]}", table_column=whole(min_width=12)),
        # A long list of modules wraps instead of narrowing the numbers.
        TextColumn("{task.fields[separation]}", table_column=Column(no_wrap=False)),
        console=Console(stderr=True),
        # Each refresh delays the training by a millisecond.
        refresh_per_second=2,
    )
    try:
        yield bar
    finally:
        if bar.tasks:
            bar.stop()


def show(bar: Bar, progress: Progress) -> None:
    """Update the progress bar."""
    returns = _range_text(progress.returns)
    bar.start()
    # Starting at the current step keeps the steps before a resumption out of the speed.
    task = (
        bar.task_ids[0]
        if bar.task_ids
        else bar.add_task("", completed=progress.step, returns="", separation="")
    )
    bar.update(
        task,
        total=progress.steps,
        completed=progress.step,
        returns=returns,
        separation=progress.activity or progress.separation,
    )


def _range_text(returns: NDArray[np.float64] | None) -> str:
    """Return the range of the members' returns, short enough for a line of 80 columns."""
    if returns is None or len(returns) == 1:
        return returns_text(returns)
    # The return of a dropped member is NaN.
    return f"{np.nanmin(returns):.0f} … {np.nanmax(returns):.0f}"


def returns_text(returns: NDArray[np.float64] | None) -> str:
    """Return the median and the range of the members' returns."""
    if returns is None:
        return "–"
    if len(returns) == 1:
        return f"{returns[0]:.0f}"
    return f"{np.nanmedian(returns):.0f} ({_range_text(returns)})"


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return the scores of a run as a table, one row per member."""
    table = Table(
        # Text, since a string with brackets would be parsed as markup.
        title=Text(
            f"{evaluation.run}: {evaluation.env} after {evaluation.step:,} steps, "
            f"{evaluation.episodes} episodes from seed {evaluation.first_seed}"
        )
    )
    columns = (
        ("seed", "mean", "IQM", "95 % interval of the IQM") if has_scipy() else ("seed", "mean")
    )
    for column in columns:
        table.add_column(column, justify="right")
    for member in evaluation.members:
        table.add_row(str(member.seed), f"{member.mean:.2f}", *_interval_texts(member))
    table.add_section()
    iqm = [f"{evaluation.iqm:.2f}", "of the members' means"] if has_scipy() else []
    table.add_row("all", f"{evaluation.mean:.2f}", *iqm)
    if not has_scipy():
        table.caption = Text('IQM and interval need SciPy: pip install "ddpg-stops[report]"')
    return table


def _interval_texts(member: MemberScore) -> list[str]:
    if not has_scipy():
        return []
    low, high = member.interval
    return [f"{member.iqm:.2f}", f"{low:.2f} … {high:.2f}"]
