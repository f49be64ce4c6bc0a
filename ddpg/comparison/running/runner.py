"""Runner of a comparison: trains the tasks of a plan that are not done, and stores their runs."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ddpg.comparison.folder import ComparisonFolder, TaskState
from ddpg.comparison.plan import Plan, Task
from ddpg.comparison.running.attempt import Ending, describe
from ddpg.comparison.running.local import run_locally
from ddpg.comparison.running.ray import ray_connection, run_on_ray
from ddpg.comparison.running.schedule import TaskAdvanced, TaskEvent
from ddpg.environments.vector import Environments
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.files import write_file
from ddpg.runs.lock import locked
from ddpg.training.device import resolve_device
from ddpg.training.interrupt import InterruptFlag


@dataclass(frozen=True)
class ComparisonProgress:
    """Progress of a comparison over all its tasks."""

    agent_steps: int
    """Environment steps done, of all members of all tasks."""
    all_agent_steps: int
    ended: int
    """Number of tasks that are done or given up."""
    tasks: int
    failed: int


@dataclass(frozen=True)
class ComparisonResult:
    """Result of `run`."""

    folder: Path
    failed: dict[str, str]
    """Name of each task that was given up -> its error."""
    finished: bool
    """False after an interrupt; the same call continues the comparison."""
    signal: int
    """Number of the signal that interrupted it, or 0."""


def run(
    plan: Plan,
    report: Callable[[ComparisonProgress], None] | None = None,
    workers: int | None = None,
    ray_address: str | None = None,
) -> ComparisonResult:
    """Train and store every task of `plan` that is not done yet.

    On Ctrl-C, local tasks write a checkpoint, and tasks on a cluster are cancelled. A second
    Ctrl-C raises KeyboardInterrupt.

    Args:
        plan: the comparison.
        report: called at the start, and after each progress of a task.
        workers: number of processes; None: one per core that this process may use.
        ray_address: run on the Ray cluster there instead: `auto`, `local`, or `host:port`.

    Raises:
        ConfigError: an environment, a device or the cluster cannot be used, or the folder holds
            something else, or another process uses it. Nothing is trained or written.
        OSError: the folder cannot be written.
    """
    tasks = plan.tasks()
    _check_environments(tasks)
    folder = ComparisonFolder(plan)
    with ray_connection(ray_address) if ray_address else _local_devices(tasks):
        folder.open()
        with locked(folder.path), InterruptFlag() as interrupt:
            monitor = _TaskMonitor(folder, tasks, report or (lambda _: None))
            if ray_address:
                events = run_on_ray(monitor.waiting, folder, interrupt, folder.prepare)
            else:
                count = workers or _core_count()
                events = run_locally(monitor.waiting, count, interrupt, folder.prepare)
            monitor.process(events)
    return ComparisonResult(
        folder.path, monitor.failures, not monitor.waiting, interrupt.signal or 0
    )


class _TaskMonitor:
    """State of every task, updated by events and reported after each.

    Args:
        folder: the folder of the runs.
        tasks: all tasks of the plan.
        report: see `run`.
    """

    def __init__(
        self,
        folder: ComparisonFolder,
        tasks: list[Task],
        report: Callable[[ComparisonProgress], None],
    ):
        self.folder = folder
        self.tasks = tasks
        self.report = report
        self.steps = {task.name: self._stored_step(task) for task in tasks}
        states = {task.name: folder.state(task) for task in tasks}
        self.waiting = [
            task for task in tasks if states[task.name] in (TaskState.NEW, TaskState.RESUMABLE)
        ]
        self.failures = {
            task.name: folder.stored_error(task)
            for task in tasks
            if states[task.name] is TaskState.DIVERGED
        }
        self._report_progress()

    def process(self, events: Iterable[TaskEvent]) -> None:
        """Record every event until the last."""
        for event in events:
            if isinstance(event, TaskAdvanced):
                self._advance(event.task, event.step)
            elif event.outcome.ending is Ending.FAILED:
                self._fail(event.task, event.outcome.error)
            elif event.outcome.ending is Ending.FINISHED:
                self._finish(event.task)

    def _advance(self, task: Task, step: int) -> None:
        self.steps[task.name] = step
        self._report_progress()

    def _finish(self, task: Task) -> None:
        self.waiting.remove(task)
        self._advance(task, task.config.steps)

    def _fail(self, task: Task, error: str) -> None:
        self.waiting.remove(task)
        self.failures[task.name] = error
        try:
            file = self.folder.error_file(task)
            file.parent.mkdir(exist_ok=True)
            write_file(file, error + "\n")
        except OSError as write_error:
            self.failures[task.name] += f"; {describe(write_error)}"
        self._report_progress()

    def _stored_step(self, task: Task) -> int:
        folder = self.folder.path / task.name / "checkpoints"
        return min(Checkpoints(folder).latest_step() or 0, task.config.steps)

    def _report_progress(self) -> None:
        self.report(
            ComparisonProgress(
                agent_steps=sum(self.steps[task.name] * task.config.members for task in self.tasks),
                all_agent_steps=sum(task.agent_steps for task in self.tasks),
                ended=len(self.tasks) - len(self.waiting),
                tasks=len(self.tasks),
                failed=len(self.failures),
            )
        )


def _core_count() -> int:
    """Return the number of cores that this process may use; macOS and Windows report all cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_environments(tasks: list[Task]) -> None:
    """Raise a ConfigError if an environment cannot be used."""
    configs = {(task.config.env_name, str(task.config.env_options)): task.config for task in tasks}
    for config in configs.values():
        Environments(config.env, 1, config.env_options).close()


@contextmanager
def _local_devices(tasks: list[Task]) -> Iterator[None]:
    """Context manager: raise a ConfigError if this machine lacks a device."""
    for device in {task.config.device for task in tasks}:
        resolve_device(device)
    yield
