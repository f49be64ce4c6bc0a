"""A comparison from its plan to its stored runs."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ddpg.comparison.folder import ComparisonFolder, State
from ddpg.comparison.plan import Plan, Task
from ddpg.comparison.running.events import Advanced, Event
from ddpg.comparison.running.local import run_here
from ddpg.comparison.running.ray import connected, run_on_ray
from ddpg.comparison.running.task import Ending, describe
from ddpg.environments.vector import Environments
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.files import write_file
from ddpg.training.device import resolve_device
from ddpg.training.interrupt import InterruptFlag


@dataclass(frozen=True)
class Status:
    """How far a comparison is."""

    agent_steps: int
    """Environment steps done, of all members of all tasks."""
    all_agent_steps: int
    ended: int
    """Tasks of which nothing more is done."""
    tasks: int
    failed: int


@dataclass(frozen=True)
class Result:
    """What `run` returns."""

    folder: Path
    failed: dict[str, str]
    """Name of a task that was given up -> why."""
    finished: bool
    """False if it was interrupted; the same call goes on with it."""
    signal: int
    """Number of the signal that interrupted it, or 0."""


def run(
    plan: Plan,
    report: Callable[[Status], None] | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
) -> Result:
    """Run what is not done yet of `plan`, and store it.

    Ctrl-C has every task here write a checkpoint, and cancels those on a cluster; a second one
    raises KeyboardInterrupt.

    Args:
        plan: what to run, and where to store it.
        report: called at the start, and whenever a task comes on.
        workers: processes at a time; None: one a core that this process may use.
        ray_address: run on the Ray cluster there instead: `auto`, `local`, or `host:port`.

    Raises:
        ConfigError: nothing was run: an environment, a device or the cluster cannot be used, or
            the folder holds something else.
        OSError: the folder cannot be written.
    """
    tasks = plan.tasks()
    _check_environments(tasks)
    folder = ComparisonFolder(plan)
    with connected(ray_address) if ray_address else _devices_here(tasks):
        folder.open()
        follower = _Follower(folder, tasks, report or (lambda _: None))
        with InterruptFlag() as interrupt:
            if ray_address:
                events = run_on_ray(follower.waiting, folder, interrupt, folder.prepare)
            else:
                cores = len(os.sched_getaffinity(0))
                events = run_here(follower.waiting, workers or cores, interrupt, folder.prepare)
            follower.follow(events)
    return Result(folder.path, follower.failures, not follower.waiting, interrupt.signal or 0)


class _Follower:
    """Keeps what is known of every task, and tells it on.

    Args:
        folder: where the runs are.
        tasks: all of them.
        report: see `run`.
    """

    def __init__(
        self, folder: ComparisonFolder, tasks: list[Task], report: Callable[[Status], None]
    ):
        self.folder = folder
        self.tasks = tasks
        self.report = report
        self.steps = {task.name: self._stored_step(task) for task in tasks}
        states = {task.name: folder.state(task) for task in tasks}
        self.waiting = [t for t in tasks if states[t.name] in (State.NEW, State.BEGUN)]
        self.failures = {
            task.name: folder.error_file(task).read_text(encoding="utf-8", errors="replace").strip()
            for task in tasks
            if states[task.name] is State.DIVERGED
        }
        self._tell()

    def follow(self, events: Iterable[Event]) -> None:
        """Take up every event until there are no more."""
        for event in events:
            if isinstance(event, Advanced):
                self.advanced(event.task, event.step)
            elif event.outcome.ending is Ending.FAILED:
                self.failed(event.task, event.outcome.error)
            elif event.outcome.ending is Ending.FINISHED:
                self.finished(event.task)

    def advanced(self, task: Task, step: int) -> None:
        self.steps[task.name] = step
        self._tell()

    def finished(self, task: Task) -> None:
        self.waiting.remove(task)
        self.advanced(task, task.config.steps)

    def failed(self, task: Task, error: str) -> None:
        self.waiting.remove(task)
        self.failures[task.name] = error
        try:
            file = self.folder.error_file(task)
            file.parent.mkdir(exist_ok=True)
            write_file(file, error + "\n")
        except OSError as unwritten:
            self.failures[task.name] += f"; {describe(unwritten)}"
        self._tell()

    def _stored_step(self, task: Task) -> int:
        folder = self.folder.path / task.name / "checkpoints"
        return min(Checkpoints(folder).latest_step() or 0, task.config.steps)

    def _tell(self) -> None:
        self.report(
            Status(
                sum(self.steps[task.name] * task.config.members for task in self.tasks),
                sum(task.agent_steps for task in self.tasks),
                len(self.tasks) - len(self.waiting),
                len(self.tasks),
                len(self.failures),
            )
        )


def _check_environments(tasks: list[Task]) -> None:
    """Raise a ConfigError if an environment cannot be used."""
    each = {(t.config.env, str(t.config.env_options)): t.config for t in tasks}
    for config in each.values():
        Environments(config.env, 1, config.env_options).close()


@contextmanager
def _devices_here(tasks: list[Task]) -> Iterator[None]:
    """Raise a ConfigError if this machine lacks a device."""
    for device in {task.config.device for task in tasks}:
        resolve_device(device)
    yield
