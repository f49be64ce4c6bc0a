"""The one progress bar of a comparison."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ddpg.cli.display import SpeedColumn
from ddpg.comparison.running.schedule import Status


@contextmanager
def comparison_display() -> Iterator[Callable[[Status], None]]:
    """A progress bar on standard error; call what it gives with each status."""
    bar = Progress(
        TextColumn("runs {task.fields[ended]}/{task.fields[tasks]}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:.0f} %"),
        SpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
        console=Console(stderr=True),
    )

    def show(status: Status) -> None:
        fields = {
            "ended": status.ended,
            "tasks": status.tasks,
            "failed": f"{status.failed} failed" if status.failed else "",
        }
        bar.start()
        # What is stored already must not count as speed.
        task = (
            bar.task_ids[0]
            if bar.task_ids
            else bar.add_task("", completed=status.agent_steps, **fields)
        )
        bar.update(task, total=status.all_agent_steps, completed=status.agent_steps, **fields)

    try:
        yield show
    finally:
        if bar.tasks:
            bar.stop()
