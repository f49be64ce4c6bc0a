"""Schedule of tasks: their order, their attempts, and the events that report their progress."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import NamedTuple

from ddpg.comparison.folder import is_divergence
from ddpg.comparison.plan import Task
from ddpg.comparison.running.attempt import Ending, Outcome

MAX_ATTEMPTS = 2
"""Failed attempts after which a task is given up."""


class TaskAdvanced(NamedTuple):
    """Event: the run of a task reached environment step `step`."""

    task: Task
    step: int


class TaskEnded(NamedTuple):
    """Event: the last attempt at a task ended."""

    task: Task
    outcome: Outcome


TaskEvent = TaskAdvanced | TaskEnded


class Schedule:
    """Queue of waiting tasks, with the number of failed attempts at each.

    Args:
        tasks: in the order in which to run them.
    """

    def __init__(self, tasks: Iterable[Task]):
        self.waiting = deque(tasks)
        self._failures: Counter[str] = Counter()

    def end_attempt(self, task: Task, outcome: Outcome) -> TaskEnded | None:
        """Return the event of the task's end, or None after queueing the task for a retry."""
        if outcome.ending is not Ending.FAILED:
            return TaskEnded(task, outcome)
        self._failures[task.name] += 1
        if is_divergence(outcome.error) or self._failures[task.name] == MAX_ATTEMPTS:
            return TaskEnded(task, outcome)
        self.waiting.append(task)
        return None
