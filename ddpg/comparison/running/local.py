"""The tasks on this machine's cores: worker processes of one thread each."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait

from ddpg.comparison.plan import Task
from ddpg.comparison.running.events import Advanced, Event, Schedule
from ddpg.comparison.running.task import Ending, Outcome, attempt
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.loop import Progress

_STOP = "stop"


def run_here(
    tasks: Sequence[Task],
    workers: int,
    interrupt: InterruptFlag,
    prepare: Callable[[Task], None],
) -> Iterator[Event]:
    """Run the tasks in up to `workers` processes at a time; one that dies is replaced.

    Args:
        tasks: what to run.
        workers: processes at a time.
        interrupt: once a signal came, the workers write checkpoints, and no task is begun.
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
                worker.begin(task)
            if interrupt.signal is not None and not stopping:
                stopping = True
                for worker in busy:
                    worker.send(_STOP)
            for worker in _with_news(busy):
                message = worker.receive()
                if isinstance(message, int):
                    yield Advanced(worker.task, message)
                    continue
                busy.remove(worker)
                (idle if worker.lives() else []).append(worker)
                if event := schedule.ended(worker.task, message):
                    yield event
    finally:
        for worker in busy:
            worker.process.kill()
        for worker in busy + idle:
            worker.close()


class _Worker:
    """A process that works at one task after another, and the parent's end of its pipe."""

    task: Task

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        # A child inherits that Ctrl-C is ignored: until it trains, it has nothing to save.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        theirs.close()

    def begin(self, task: Task) -> None:
        self.task = task
        self.send(task.config)

    def send(self, message: object) -> None:
        # What a dead worker did not take, `receive` tells.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)

    def receive(self) -> int | Outcome:
        """The step that it came to, or how its task ended."""
        try:
            return self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            return Outcome(Ending.FAILED, f"the worker process died with exit code {code}")

    def lives(self) -> bool:
        return self.process.is_alive()

    def close(self) -> None:
        """Let it end, as it does when nobody is at the other end of its pipe."""
        self.connection.close()
        self.process.join()


def _with_news(workers: list[_Worker]) -> list[_Worker]:
    ready = wait([worker.connection for worker in workers], timeout=0.5)
    return [worker for worker in workers if worker.connection in ready]


def _work(connection: Connection) -> None:
    """What a worker process does until its parent has no more for it, or is gone."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while (config := connection.recv()) != _STOP:
            connection.send(attempt(config, partial(_report, connection)))


def _report(connection: Connection, progress: Progress) -> None:
    if connection.poll():
        # It says stop, or the parent is gone; the trainer takes either as a Ctrl-C.
        signal.raise_signal(signal.SIGINT)
    else:
        connection.send(progress.step)
