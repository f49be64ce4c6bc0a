"""What a person sees at the terminal: the progress of a run, and tables."""

from collections.abc import Iterator, Sequence
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

from ddpg.benchmark import Speed
from ddpg.benchmark_audit import Cost, Slowdown
from ddpg.evaluation import Evaluation
from ddpg.training import Progress


class _SpeedColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} steps/s" if task.speed else "")


@contextmanager
def progress_display() -> Iterator[Bar]:
    """A progress bar on standard error; feed it with `show`."""
    whole = partial(Column, no_wrap=True)
    bar = Bar(
        MofNCompleteColumn(table_column=whole(min_width=15)),
        BarColumn(bar_width=6, table_column=whole(min_width=6)),
        _SpeedColumn(table_column=whole(min_width=11)),
        TimeRemainingColumn(table_column=whole(min_width=7)),
        TextColumn("return {task.fields[returns]}", table_column=whole(min_width=12)),
        # A verdict that names many modules takes more lines, and no room from the numbers.
        TextColumn("{task.fields[separation]}", table_column=Column(no_wrap=False)),
        console=Console(stderr=True),
    )
    try:
        yield bar
    finally:
        if bar.tasks:
            bar.stop()


def show(bar: Bar, progress: Progress) -> None:
    """Bring the progress bar up to date."""
    returns = _range_text(progress.returns)
    bar.start()
    # A resumed run begins in the middle, which must not count as speed.
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
    """The members' returns, short enough for a line of 80 columns."""
    if returns is None or len(returns) == 1:
        return returns_text(returns)
    return f"{returns.min():.0f} … {returns.max():.0f}"


def returns_text(returns: NDArray[np.float64] | None) -> str:
    """The members' median return, and their range."""
    if returns is None:
        return "–"
    if len(returns) == 1:
        return f"{returns[0]:.0f}"
    return f"{np.median(returns):.0f} ({returns.min():.0f} … {returns.max():.0f})"


def evaluation_table(evaluation: Evaluation) -> Table:
    """The scores of a run, a row a member."""
    table = Table(
        title=f"{evaluation.run}: {evaluation.env} after {evaluation.step:,} steps, "
        f"{evaluation.episodes} episodes from seed {evaluation.first_seed}"
    )
    for column in ("seed", "mean", "IQM", "95 % interval of the IQM"):
        table.add_column(column, justify="right")
    for member in evaluation.members:
        low, high = member.interval
        table.add_row(
            str(member.seed), f"{member.mean:.2f}", f"{member.iqm:.2f}", f"{low:.2f} … {high:.2f}"
        )
    table.add_section()
    table.add_row("all", f"{evaluation.mean:.2f}", f"{evaluation.iqm:.2f}", "of the members' means")
    return table


def speed_table(speeds: Sequence[Speed]) -> Table:
    """Agent-steps per second, a row a subject."""
    table = Table("subject", "members", "agent-steps/s: median (range)", "ratio")
    for speed in speeds:
        middle, low, high = np.median(speed.repeats), min(speed.repeats), max(speed.repeats)
        table.add_row(
            speed.subject,
            str(speed.members),
            f"{middle:,.0f} ({low:,.0f} … {high:,.0f})",
            f"{speed.ratio:.2f}",
        )
    return table


def audit_cost_table(costs: Sequence[Cost]) -> Table:
    """What an audit costs, a row a kind."""
    table = Table("turn", "milliseconds", "bare updates")
    for cost in costs:
        table.add_row(cost.name, f"{cost.milliseconds:.1f}", f"{cost.bare_updates:.1f}")
    return table


def slowdown_table(slowdowns: Sequence[Slowdown]) -> Table:
    """How much longer a training takes with audits, a row a clock."""
    table = Table("clock", "ms a step without", "ratio of medians", "ratio of windows: quartiles")
    for each in slowdowns:
        quartiles = " ".join(f"{quartile:.4f}" for quartile in each.quartiles)
        table.add_row(each.clock, f"{each.without:.2f}", f"{each.ratio:.4f}", quartiles)
    return table
