"""What running a comparison tells, wherever its tasks run."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from ddpg.comparison.plan import Task
from ddpg.comparison.running.task import Ending, Outcome

ATTEMPTS = 2
"""A task that fails this often is given up."""


class Advanced(NamedTuple):
    """A task came to `step`."""

    task: Task
    step: int


class Ended(NamedTuple):
    """Nothing more is done for a task; one that failed was given up."""

    task: Task
    outcome: Outcome


Event = Advanced | Ended


class Schedule:
    """The tasks that wait, and how often each has failed.

    Args:
        tasks: in the order in which to run them.
    """

    def __init__(self, tasks: Iterable[Task]):
        self.waiting = deque(tasks)
        self._failures: Counter[str] = Counter()

    def ended(self, task: Task, outcome: Outcome) -> Ended | None:
        """What to tell of an attempt's end: None if the task is tried again."""
        if outcome.ending is not Ending.FAILED:
            return Ended(task, outcome)
        self._failures[task.name] += 1
        # It depends on settings and seed alone, so it would diverge again.
        diverged = outcome.error.startswith("DivergenceError: ")
        if diverged or self._failures[task.name] == ATTEMPTS:
            return Ended(task, outcome)
        self.waiting.append(task)
        return None
