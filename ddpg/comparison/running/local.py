"""Tasks on the cores of this machine, in worker processes of one thread each."""

import _thread
import multiprocessing
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait

from ddpg.comparison.plan import Task
from ddpg.comparison.running.attempt import Ending, Outcome, attempt
from ddpg.comparison.running.schedule import Schedule, TaskAdvanced, TaskEvent
from ddpg.config.settings import Config
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.progress import Progress

_STOP = "stop"
_DIED = "the worker process died"


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
                if stopping:
                    message = _of_stopped_worker(message)
                elif message.ending is Ending.INTERRUPTED:
                    message = Outcome(Ending.FAILED, "a signal ended the attempt")
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
            return Outcome(Ending.FAILED, f"{_DIED} with exit code {code}")

    def close(self) -> None:
        """Close the pipe, on which an idle process exits, and wait for the process."""
        self.connection.close()
        self.process.join()


def _ready(workers: list[_Worker]) -> list[_Worker]:
    """Return the workers that sent a message or died, after at most half a second."""
    ready = wait([worker.connection for worker in workers], timeout=0.5)
    return [worker for worker in workers if worker.connection in ready]


def _of_stopped_worker(outcome: Outcome) -> Outcome:
    """Return the outcome of an attempt after the signal, which may have killed its worker."""
    died = outcome.ending is Ending.FAILED and outcome.error.startswith(_DIED)
    return Outcome(Ending.INTERRUPTED) if died else outcome


class _Inbox:
    """Reader of a worker's pipe, so that a message to stop arrives in the middle of an evaluation.

    Args:
        connection: the worker's end of the pipe.
    """

    def __init__(self, connection: Connection):
        self.configs: queue.SimpleQueue[Config | None] = queue.SimpleQueue()
        """Tasks to run; None at the end."""
        self.is_stopping = False
        self._connection = connection
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        message: Config | str = ""
        with suppress(EOFError, OSError):
            while (message := self._connection.recv()) != _STOP:
                assert isinstance(message, Config)
                self.configs.put(message)
        # The parent sent a stop or is gone; both end the training as SIGTERM does.
        self.is_stopping = True
        self.configs.put(None)
        self.stop_training()

    def stop_training(self) -> None:
        """Act as SIGTERM does in a training; elsewhere, where no handler is set, do nothing."""
        _thread.interrupt_main(signal.SIGTERM)


def _run_tasks(connection: Connection) -> None:
    """Run tasks in a worker process until the parent sends a stop or closes the pipe."""
    inbox = _Inbox(connection)

    def report(progress: Progress) -> None:
        # The stop may have come before the training could handle it.
        if inbox.is_stopping:
            inbox.stop_training()
        else:
            connection.send(progress.step)

    with suppress(BrokenPipeError, ConnectionResetError):
        while (config := inbox.configs.get()) is not None:
            connection.send(attempt(config, report))
