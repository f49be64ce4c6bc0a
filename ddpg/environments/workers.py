"""Environments in worker processes, which may hang or die without blocking the run."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import wait as wait_for
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.vector import AsyncVectorEnv
from numpy.typing import NDArray

from ddpg.environments.checked import CheckedEnvironment
from ddpg.environments.signals import END_SIGNALS
from ddpg.errors import ConfigError, EnvironmentFaultError

_SLICE = 0.25
"""Longest time in seconds that passes in one wait, even if the processes were stopped (Ctrl-Z)."""

Step = tuple[NDArray[Any], SupportsFloat, bool, bool]


def begin_worker(creator: int) -> None:
    """Ignore the signals that end a program, in a process other than `creator`.

    A terminal or a supervisor sends them to all processes. The creator handles them, and its end
    is this process's end, also in the middle of a step.

    Args:
        creator: id of the process that created the environments.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and os.getpid() != creator:
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Wait for the end of the parent process, and end this one."""
    wait_for([sentinel])
    os._exit(1)


def start_method() -> str:
    """Return the start method of worker processes.

    It is given by name, since a process that asks for the default can no longer choose it.
    """
    chosen = multiprocessing.get_start_method(allow_none=True)
    return chosen or multiprocessing.get_all_start_methods()[0]


def call_workers(
    vector: AsyncVectorEnv, method: str, timeout: float, *arguments: Any, **options: Any
) -> Any:
    """Return the workers' answers to a call.

    Args:
        vector: vector environment with one worker per environment.
        method: `reset`, `step` or `call`.
        timeout: time limit in seconds.
        arguments: positional arguments of the method.
        options: its keyword arguments.

    Raises:
        EnvironmentFaultError: an environment raised, died or did not answer in time. Its member
            is the index of its worker.
    """
    try:
        getattr(vector, f"{method}_async")(*arguments, **options)
        _await_answers(vector, timeout)
        with warnings.catch_warnings():
            # Gymnasium also warns with the traceback of the exception that it raises.
            warnings.filterwarnings("ignore", ".*ERROR: ", UserWarning)
            return getattr(vector, f"{method}_wait")(0)
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


def _await_answers(vector: AsyncVectorEnv, timeout: float) -> None:
    """Wait until every worker answered or died, or until `timeout` seconds of running passed."""
    # Gymnasium sets the pipe of a worker that raised to None.
    waiting, left = [pipe for pipe in vector.parent_pipes if pipe is not None], timeout
    while waiting and left > 0:
        longest = min(left, _SLICE)
        started = time.monotonic()
        ready = wait_for(waiting, longest)
        waiting = [pipe for pipe in waiting if pipe not in ready]
        left -= min(time.monotonic() - started, longest)


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
        creator = os.getpid()
        self._vector = AsyncVectorEnv(
            [lambda: _EnvironmentGroup(make, creator)], context=start_method()
        )
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
        try:
            return call_workers(self._vector, "call", self._timeout, name, *arguments)[0]
        except EnvironmentFaultError as error:
            # Evaluation environments belong to no member.
            raise EnvironmentFaultError(error.what) from error


class _EnvironmentGroup(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Several environments behind the interface of one, for one worker of a vector environment."""

    def __init__(self, make: Callable[[], CheckedEnvironment], creator: int):
        begin_worker(creator)
        self._group = LocalEnvironments(make)
        super().__init__(self._group.first)

    def create_one(self, number: int) -> str:
        return self._group.create(number)

    def reset_one(self, number: int, seed: int, statistics: str) -> Any:
        return self._group.reset(number, seed, statistics)

    def step_one(self, number: int, action: Any) -> Any:
        return self._group.step(number, action)
