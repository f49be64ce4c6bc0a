"""Progress of long work on standard error: a bar in a terminal, lines elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ddpg.training.progress import Progress

_SECONDS = (1.0, 30.0)
"""Shortest time between two lines, and the time after which the next line is due."""


class Show(Protocol):
    """Function that shows progress."""

    def __call__(self, done: float, total: float, detail: str = "") -> None:
        """Show `done` of `total`, and a text that is never cut."""


@contextmanager
def progress_display() -> Iterator[Callable[[Progress], None]]:
    """Context manager: yield a function that shows the progress of a training."""
    with meter("steps") as show:
        yield lambda progress: show(progress.step, progress.steps, _detail(progress))


@contextmanager
def meter(unit: str) -> Iterator[Show]:
    """Context manager: yield a function that shows progress on standard error.

    A terminal gets a bar. Elsewhere a line is printed at every 10 %, or after 30 seconds.
    Nothing is shown before the first call.

    Args:
        unit: the counted things, in the plural.
    """
    console = _LossyConsole(stderr=True)
    if not (console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)):
        lines = _Lines(console, unit)
        yield lines.show
        lines.end()
        return
    bar = _Bar(console, unit)
    try:
        yield bar.show
    finally:
        if bar.tasks:
            bar.stop()


def range_text(returns: NDArray[np.float64] | None) -> str:
    """Return the range of the members' returns."""
    if returns is None:
        return "–"
    # The return of a dropped member is NaN.
    low, high = np.nanmin(returns), np.nanmax(returns)
    return f"{low:.0f}" if len(returns) == 1 else f"{low:.0f} … {high:.0f}"


def _detail(progress: Progress) -> str:
    verdict = progress.activity or progress.separation
    return " · ".join(filter(None, [f"return {range_text(progress.returns)}", verdict]))


class _LossyConsole(Console):
    """Console that is silent after its reader is gone, instead of ending the process."""

    def on_broken_pipe(self) -> None:
        """See `Console`."""
        self.quiet = True


class _Bar(Bar):
    """Bar with a second line, which wraps instead of being cut."""

    def __init__(self, console: Console, unit: str):
        self._detail = ""
        super().__init__(
            TextColumn(f"{{task.completed:,.0f}}/{{task.total:,.0f}} {unit}"),
            BarColumn(bar_width=10),
            _SpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            # Each refresh delays the training by a millisecond.
            refresh_per_second=2,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar, then the text of the last call."""
        yield from super().get_renderables()
        if self._detail:
            yield Text(self._detail)

    def show(self, done: float, total: float, detail: str = "") -> None:
        """See `Show`."""
        self._detail = detail
        self.start()
        # Starting at the current step keeps the steps before a resumption out of the speed.
        task = self.task_ids[0] if self.task_ids else self.add_task("", completed=int(done))
        self.update(task, total=total, completed=done)


class _SpeedColumn(ProgressColumn):
    """Column of the counted things per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class _Lines:
    """Printer of one line at every 10 %, at most one per second, and after 30 seconds."""

    def __init__(self, console: Console, unit: str):
        self._console = console
        self._unit = unit
        self._start: tuple[float, float] | None = None
        self._printed = (0.0, 0)
        """Time and tenths of the last line."""
        self._last: tuple[float, float, str] | None = None
        """Arguments of the last call of `show`."""

    def show(self, done: float, total: float, detail: str = "") -> None:
        """See `Show`."""
        now, tenths = time.monotonic(), int(10 * done / total)
        if self._start is None:
            self._start, self._printed = (now, done), (now, tenths)
        self._last = done, total, detail
        waited, (shortest, longest) = now - self._printed[0], _SECONDS
        is_due = waited >= longest or (tenths > self._printed[1] and waited >= shortest)
        # The return of the last evaluation may follow, so `end` prints the last line.
        if is_due and done < total:
            self._print(now, *self._last)
            self._printed = now, tenths

    def end(self) -> None:
        """Print the line of finished work."""
        if self._last is not None and self._last[0] >= self._last[1]:
            self._print(time.monotonic(), *self._last)

    def _print(self, now: float, done: float, total: float, detail: str) -> None:
        started, first = self._start or (now, done)
        parts = [f"{done:,.0f}/{total:,.0f} {self._unit} ({100 * done / total:.0f} %)"]
        if done > first and now > started:
            speed = (done - first) / (now - started)
            parts.append(f"{speed:,.0f}/s")
            if done < total:
                parts.append(f"{timedelta(seconds=round((total - done) / speed))} left")
        line = " · ".join(filter(None, [", ".join(parts), detail]))
        with suppress(OSError):  # A closed log must not end the work.
            self._console.out(line, highlight=False)
