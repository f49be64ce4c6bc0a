"""Environments in worker processes, which may hang or die without blocking the run."""

import multiprocessing
import signal
import warnings
from collections.abc import Callable
from multiprocessing.connection import wait as wait_for
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.vector import AsyncVectorEnv
from numpy.typing import NDArray

from ddpg.environments.checked import CheckedEnvironment
from ddpg.errors import ConfigError, EnvironmentFaultError

Step = tuple[NDArray[Any], SupportsFloat, bool, bool]


def ignore_interrupts() -> None:
    """Ignore Ctrl-C in a worker: a terminal sends it to all processes; the parent handles it."""
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def start_method() -> str:
    """Return the start method of worker processes.

    It is given by name, since a process that asks for the default can no longer choose it.
    """
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


def receive(vector: AsyncVectorEnv, wait: Callable[[float], Any], timeout: float) -> Any:
    """Return the workers' answers to a call.

    Args:
        vector: vector environment with one worker per environment.
        wait: method of `vector` that waits for the answers, given a time limit.
        timeout: time limit in seconds.

    Raises:
        EnvironmentFaultError: an environment raised, died or did not answer in time. Its member
            is the index of its worker.
    """
    try:
        with warnings.catch_warnings():
            # Gymnasium also warns with the traceback of the exception that it raises.
            warnings.filterwarnings("ignore", ".*ERROR: ", UserWarning)
            return wait(timeout)
    except multiprocessing.TimeoutError as error:
        silent = [k for k, pipe in enumerate(vector.parent_pipes) if not pipe.poll(0)]
        raise EnvironmentFaultError(
            f"did not answer within {timeout:g} s (environment_timeout)", silent[0]
        ) from error
    except (EOFError, ConnectionError) as error:
        sentinels = [process.sentinel for process in vector.processes]
        # A pipe breaks a moment before its process has exited.
        exited = wait_for(sentinels, timeout=1.0)
        member = next((k for k, sentinel in enumerate(sentinels) if sentinel in exited), None)
        raise EnvironmentFaultError("ended its process", member) from error


def kill_workers(vector: AsyncVectorEnv) -> None:
    """Kill the worker processes of `vector`, even while they run."""
    # Gymnasium's `close` waits for pending answers, which a dead process never sends.
    for process in vector.processes:
        process.kill()
        process.join()
    for pipe in vector.parent_pipes:
        if pipe is not None:
            pipe.close()
    vector.closed = True


class LocalEnvironments:
    """Any number of environments in this process.

    Args:
        make: creates one environment. The first is created at once, others when first needed.
    """

    def __init__(self, make: Callable[[], CheckedEnvironment]):
        self._make = make
        self._environments = [make()]

    @property
    def first(self) -> CheckedEnvironment:
        """Environment 0, whose spaces are the ones of all."""
        return self._environments[0]

    def create(self, number: int) -> str:
        """Create environment `number` after those before it, unless it exists.

        Returns:
            An empty string, or the reason why one more environment cannot be created.
        """
        if number == len(self._environments):
            try:
                self._environments.append(self._make())
            except ConfigError as error:
                return str(error)
        return ""

    def reset(self, number: int, seed: int, statistics: str = "") -> NDArray[Any]:
        """Start an episode in environment `number`; return the observation.

        Args:
            number: index of the environment, which exists.
            seed: seed of the episode.
            statistics: statistics of normalizing wrappers to use and not to update; empty: none.

        Raises:
            EnvironmentFaultError: the environment failed.
        """
        environment = self._environments[number]
        if statistics:
            environment.freeze_statistics(statistics)
        return environment.reset(seed=seed)[0]

    def step(self, number: int, action: NDArray[Any]) -> Step:
        """Step environment `number`; return observation, reward, terminated and truncated.

        Raises:
            EnvironmentFaultError: the environment failed.
        """
        return self._environments[number].step(action)[:4]

    def close(self) -> None:
        """Close every environment."""
        for environment in self._environments:
            environment.close()


class WorkerEnvironments:
    """Any number of environments in one worker process, with a time limit per answer.

    Args:
        make: creates one environment.
        timeout: time limit of a step or reset, in seconds.
    """

    def __init__(self, make: Callable[[], CheckedEnvironment], timeout: float):
        self._vector = AsyncVectorEnv([lambda: _EnvironmentGroup(make)], context=start_method())
        self._timeout = timeout

    def create(self, number: int) -> str:
        """Do the same as `LocalEnvironments.create`."""
        return self._call("create_one", number)

    def reset(self, number: int, seed: int, statistics: str = "") -> NDArray[Any]:
        """Do the same as `LocalEnvironments.reset`."""
        return self._call("reset_one", number, seed, statistics)

    def step(self, number: int, action: NDArray[Any]) -> Step:
        """Do the same as `LocalEnvironments.step`."""
        return self._call("step_one", number, action)

    def close(self) -> None:
        """Kill the worker."""
        kill_workers(self._vector)

    def _call(self, name: str, *arguments: Any) -> Any:
        def call_and_wait(timeout: float) -> Any:
            self._vector.call_async(name, *arguments)
            return self._vector.call_wait(timeout)[0]

        try:
            return receive(self._vector, call_and_wait, self._timeout)
        except EnvironmentFaultError as error:
            # Evaluation environments belong to no member.
            raise EnvironmentFaultError(error.what) from error


class _EnvironmentGroup(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Several environments behind the interface of one, for one worker of a vector environment."""

    def __init__(self, make: Callable[[], CheckedEnvironment]):
        ignore_interrupts()
        self._group = LocalEnvironments(make)
        super().__init__(self._group.first)

    def create_one(self, number: int) -> str:
        return self._group.create(number)

    def reset_one(self, number: int, seed: int, statistics: str) -> Any:
        return self._group.reset(number, seed, statistics)

    def step_one(self, number: int, action: Any) -> Any:
        return self._group.step(number, action)
