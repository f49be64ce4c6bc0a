"""Tasks on a Ray cluster, whose machines need no shared disk.

A worker trains in a temporary folder. After each new checkpoint, and at its end, it sends the run
folder here, so that another worker can continue the run if this one dies.
"""

import dataclasses
import itertools
import logging
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddpg.comparison.folder import ComparisonFolder
from ddpg.comparison.plan import Task
from ddpg.comparison.running.attempt import Ending, Outcome, attempt, describe
from ddpg.comparison.running.schedule import Schedule, TaskAdvanced, TaskEvent
from ddpg.comparison.running.transfer import contents, pack, unpack
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.isolation.extras import require_extra
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.files import write_file
from ddpg.runs.folder import RunFolder
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.progress import Progress


@contextmanager
def ray_connection(address: str) -> Iterator[None]:
    """Context manager: connect Ray to the cluster at `address`; `local` starts a temporary one.

    Raises:
        ConfigError: the cluster does not answer.
        MissingExtraError: Ray is not installed.
    """
    require_extra("ray", f"ray_address {address!r}", "ray")
    import ray

    try:
        if address not in ("auto", "local"):
            _require_listener(address)
        ray.init(
            address,
            include_dashboard=False if address == "local" else None,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"cannot connect to ray_address {address!r}: {reason}; allowed: auto, local, or "
            "host:port of a running cluster"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def run_on_ray(
    tasks: Sequence[Task],
    folder: ComparisonFolder,
    interrupt: InterruptFlag,
    prepare: Callable[[Task], None],
) -> Iterator[TaskEvent]:
    """Run the tasks on the connected cluster; Ray decides where, and how many at a time.

    Args:
        tasks: the tasks to run.
        folder: receives the run folders.
        interrupt: after its signal the tasks are cancelled; folders already received stay.
        prepare: called before each attempt at a task.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.queue import Queue

    updates = Queue(actor_options={"num_cpus": 0})
    schedule = Schedule(tasks)
    numbers = itertools.count()
    running: dict[Any, _Attempt] = {}
    latest: dict[str, _Attempt] = {}
    try:
        while (running or schedule.waiting) and interrupt.signal is None:
            while schedule.waiting:
                task = schedule.waiting.popleft()
                prepare(task)
                current = _Attempt(task, next(numbers), folder.path / task.name)
                latest[task.name] = current
                running[current.start(updates)] = current
            ended, _ = ray.wait(list(running), timeout=0.5)
            # Read the updates before the results: an update must not follow its attempt's end.
            yield from _stored_updates(updates, latest)
            for reference in ended:
                current = running.pop(reference)
                try:
                    outcome, packed = ray.get(reference)
                    current.store(packed)
                except (RayError, OSError) as error:
                    outcome = Outcome(Ending.FAILED, describe(error))
                if event := schedule.end_attempt(current.task, outcome):
                    yield event
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        updates.shutdown()


def _stored_updates(updates: Any, latest: Mapping[str, "_Attempt"]) -> Iterator[TaskAdvanced]:
    """Store the queued updates of the latest attempts; yield an event for each."""
    for name, number, step, packed in updates.get_nowait_batch(updates.size()):
        if latest[name].number == number:
            latest[name].store(packed)
            yield TaskAdvanced(latest[name].task, step)


def _require_listener(address: str) -> None:
    """Raise an OSError or a ValueError unless a server listens at `[ray://]host:port`.

    Ray itself waits for minutes and then exits the process.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=10).close()


@dataclasses.dataclass
class _Attempt:
    """One attempt at a task, with the folder that receives its run."""

    task: Task
    number: int
    folder: Path

    def start(self, updates: Any) -> Any:
        """Submit the task and its stored run to Ray; return the reference to its result."""
        import ray

        config = self.task.config
        stored = pack(self.folder, {}) if self.folder.exists() else None
        # Ray's own retries would start the run again and not be counted.
        remote = ray.remote(
            num_cpus=config.threads,
            num_gpus=int(config.device.startswith("cuda")),
            max_retries=0,
        )(_run_task)
        return remote.remote(config.to_dict(), stored, updates, self.number)

    def store(self, packed: bytes | None) -> None:
        """Write a received run folder."""
        if packed is None:
            return
        unpack(packed, self.folder)
        # The worker's config.yaml names its temporary folder.
        write_file(RunFolder(self.folder).config_file, self.task.config.to_yaml())


def _run_task(
    settings: dict[str, Any], stored: bytes | None, updates: Any, number: int
) -> tuple[Outcome, bytes]:
    """Attempt a task on a worker; return the outcome and the packed run folder."""
    with tempfile.TemporaryDirectory() as runs:
        config = dataclasses.replace(Config.from_dict(settings), runs=runs)
        folder = Path(runs) / str(config.name)
        if stored is not None:
            unpack(stored, folder)
        known = contents(folder)
        sent_step = Checkpoints(folder / "checkpoints").latest_step()

        def report(progress: Progress) -> None:
            nonlocal known, sent_step
            packed = None
            latest_step = Checkpoints(folder / "checkpoints").latest_step()
            if latest_step != sent_step:
                packed = pack(folder, known)
                known, sent_step = contents(folder), latest_step
            updates.put((config.name, number, progress.step, packed))

        outcome = attempt(config, report)
        return outcome, pack(folder, known)
