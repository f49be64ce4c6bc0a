"""Tasks on the cores of this machine, in worker processes of one thread each."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait

from ddpg.comparison.plan import Task
from ddpg.comparison.running.attempt import Ending, Outcome, attempt
from ddpg.comparison.running.schedule import Schedule, TaskAdvanced, TaskEvent
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.progress import Progress

_STOP = "stop"


def run_locally(
    tasks: Sequence[Task],
    workers: int,
    interrupt: InterruptFlag,
    prepare: Callable[[Task], None],
) -> Iterator[TaskEvent]:
    """Run the tasks in up to `workers` processes at a time, and replace a process that dies.

    Args:
        tasks: the tasks to run.
        workers: number of processes.
        interrupt: after its signal the workers write checkpoints, and no task is started.
        prepare: called before each attempt at a task.
    """
    schedule = Schedule(tasks)
    busy: list[_Worker] = []
    idle: list[_Worker] = []
    stopping = False
    try:
        while busy or (schedule.waiting and interrupt.signal is None):
            while schedule.waiting and len(busy) < workers and interrupt.signal is None:
                task = schedule.waiting.popleft()
                prepare(task)
                worker = idle.pop() if idle else _Worker()
                busy.append(worker)
                worker.start(task)
            if interrupt.signal is not None and not stopping:
                stopping = True
                for worker in busy:
                    worker.send(_STOP)
            for worker in _ready(busy):
                message = worker.receive()
                if isinstance(message, int):
                    yield TaskAdvanced(worker.task, message)
                    continue
                busy.remove(worker)
                if worker.process.is_alive():
                    idle.append(worker)
                else:
                    worker.close()
                if event := schedule.end_attempt(worker.task, message):
                    yield event
    finally:
        for worker in busy:
            worker.process.kill()
        for worker in busy + idle:
            worker.close()


class _Worker:
    """Process that runs one task after another, with the parent's end of its pipe."""

    task: Task

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, child_end = context.Pipe()
        self.process = context.Process(target=_run_tasks, args=(child_end,), daemon=True)
        # The child inherits the ignored Ctrl-C: until it trains, it has nothing to save.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        child_end.close()

    def start(self, task: Task) -> None:
        """Send the task to the process."""
        self.task = task
        self.send(task.config)

    def send(self, message: object) -> None:
        """Send a message; `receive` reports a process that died instead of reading it."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def receive(self) -> int | Outcome:
        """Return the step that the task reached, or the outcome of its attempt."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            return Outcome(Ending.FAILED, f"the worker process died with exit code {code}")

    def close(self) -> None:
        """Close the pipe, on which an idle process exits, and wait for the process."""
        self.connection.close()
        self.process.join()


def _ready(workers: list[_Worker]) -> list[_Worker]:
    """Return the workers that sent a message or died, after at most half a second."""
    ready = wait([worker.connection for worker in workers], timeout=0.5)
    return [worker for worker in workers if worker.connection in ready]


def _run_tasks(connection: Connection) -> None:
    """Run tasks in a worker process until the parent closes the pipe."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while (config := connection.recv()) != _STOP:
            connection.send(attempt(config, partial(_report, connection)))


def _report(connection: Connection, progress: Progress) -> None:
    if connection.poll():
        # The parent sent a stop or is gone; both end the training as Ctrl-C does.
        signal.raise_signal(signal.SIGINT)
    else:
        connection.send(progress.step)
