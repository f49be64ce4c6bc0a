"""The tasks on a Ray cluster, whose machines need not share a disk with this one.

A run is trained in a folder of its worker's own. Whenever it has a new checkpoint, and at its end,
the folder comes here, so that another worker can go on where one died.
"""

import dataclasses
import logging
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddpg.comparison.folder import ComparisonFolder
from ddpg.comparison.plan import Task
from ddpg.comparison.running.events import Advanced, Event, Schedule
from ddpg.comparison.running.task import Ending, Outcome, attempt, describe
from ddpg.comparison.running.transfer import contents, pack, unpack
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.files import write_file
from ddpg.runs.folder import RunFolder
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.loop import Progress


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Inside, Ray is connected to the cluster at `address`; `local` starts one for the while.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"ray_address is {address!r}, and Ray is not installed; allowed: without it, or with "
            "the extra ray"
        ) from error
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
            f"ray_address is {address!r}, where no cluster can be reached: {reason}; allowed: "
            "auto, local, or host:port of a cluster that runs"
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
) -> Iterator[Event]:
    """Run the tasks on the cluster that is connected; Ray decides where and how many at a time.

    Args:
        tasks: what to run.
        folder: where the runs come to.
        interrupt: once a signal came, the tasks are cancelled; what came here by then stays.
        prepare: called before each attempt at a task.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.queue import Queue

    news = Queue(actor_options={"num_cpus": 0})
    schedule = Schedule(tasks)
    running: dict[Any, _Attempt] = {}
    latest: dict[str, _Attempt] = {}
    try:
        while (running or schedule.waiting) and interrupt.signal is None:
            while schedule.waiting:
                task = schedule.waiting.popleft()
                prepare(task)
                own = latest[task.name] = _Attempt(task, len(latest), folder.path / task.name)
                running[own.start(news)] = own
            ended, _ = ray.wait(list(running), timeout=0.5)
            # All that a task told before its end is here by now, and must not come after it.
            for name, number, step, packed in news.get_nowait_batch(news.size()):
                if latest[name].number == number:
                    latest[name].take(packed)
                    yield Advanced(latest[name].task, step)
            for reference in ended:
                own = running.pop(reference)
                try:
                    outcome, packed = ray.get(reference)
                    own.take(packed)
                except (RayError, OSError) as error:
                    outcome = Outcome(Ending.FAILED, describe(error))
                if event := schedule.ended(own.task, outcome):
                    yield event
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        news.shutdown()


def _require_listener(address: str) -> None:
    """Raise an OSError or a ValueError unless something listens at `[ray://]host:port`.

    Ray itself waits for minutes, and then ends the process.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=10).close()


@dataclasses.dataclass
class _Attempt:
    """One attempt at a task, and where its run comes to."""

    task: Task
    number: int
    folder: Path

    def start(self, news: Any) -> Any:
        """Hand it to Ray, with what is stored of its run; returns the reference to its result."""
        import ray

        config = self.task.config
        stored = pack(self.folder, {}) if self.folder.exists() else None
        # Ray's own retries would begin anew, and not be counted.
        remote = ray.remote(
            num_cpus=config.threads,
            num_gpus=int(config.device.startswith("cuda")),
            max_retries=0,
        )(_work)
        return remote.remote(config.to_dict(), stored, news, self.number)

    def take(self, packed: bytes | None) -> None:
        """Store what came of its run."""
        if packed is None:
            return
        unpack(packed, self.folder)
        # The worker's own has the folder in which it worked.
        write_file(RunFolder(self.folder).config_file, self.task.config.to_yaml())


def _work(
    settings: dict[str, Any], stored: bytes | None, news: Any, number: int
) -> tuple[Outcome, bytes]:
    """Runs on a worker: an attempt, and the run folder as it is at its end."""
    with tempfile.TemporaryDirectory() as runs:
        config = dataclasses.replace(Config.from_dict(settings), runs=runs)
        folder = Path(runs) / str(config.name)
        if stored is not None:
            unpack(stored, folder)
        known = contents(folder)
        sent = Checkpoints(folder / "checkpoints").latest_step()

        def report(progress: Progress) -> None:
            nonlocal known, sent
            packed = None
            latest = Checkpoints(folder / "checkpoints").latest_step()
            if latest != sent:
                packed = pack(folder, known)
                known, sent = contents(folder), latest
            news.put((config.name, number, progress.step, packed))

        outcome = attempt(config, report)
        return outcome, pack(folder, known)
