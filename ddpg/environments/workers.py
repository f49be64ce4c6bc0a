"""Environments in processes of their own, so that one that hangs or dies takes nobody along."""

import multiprocessing
import signal
import warnings
from collections.abc import Callable
from multiprocessing.connection import wait as wait_for
from typing import Any, SupportsFloat

import gymnasium
from gymnasium.vector import AsyncVectorEnv
from numpy.typing import NDArray

from ddpg.errors import EnvironmentFaultError

Environment = gymnasium.Env[Any, Any]
Step = tuple[NDArray[Any], SupportsFloat, bool, bool]


def ignore_interrupts() -> None:
    """In a subprocess: Ctrl-C goes to every process of a terminal; the parent's finishes first."""
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def answer(vector: AsyncVectorEnv, wait: Callable[[float], Any], timeout: float) -> Any:
    """What the subprocesses of `vector` answer to a call that they were sent.

    Args:
        vector: the subprocesses.
        wait: takes the answers, given the seconds that they may take.
        timeout: these seconds.

    Raises:
        EnvironmentFaultError: an environment did something wrong; its member is the number of its
            process.
    """
    try:
        with warnings.catch_warnings():
            # What went wrong is in the exception; Gymnasium prints its traceback beside.
            warnings.filterwarnings("ignore", ".*ERROR: ", UserWarning)
            return wait(timeout)
    except multiprocessing.TimeoutError as error:
        silent = [k for k, pipe in enumerate(vector.parent_pipes) if not pipe.poll(0)]
        raise EnvironmentFaultError(
            f"gave no answer within {timeout:g} s (environment_timeout)", silent[0]
        ) from error
    except (EOFError, ConnectionError) as error:
        ends = [process.sentinel for process in vector.processes]
        # A pipe breaks a moment before its process has ended.
        ended = wait_for(ends, timeout=1.0)
        member = next((k for k, end in enumerate(ends) if end in ended), None)
        raise EnvironmentFaultError("ended its process", member) from error


def end(vector: AsyncVectorEnv) -> None:
    """End the subprocesses of `vector`, whatever they are doing."""
    # Gymnasium's own way waits for an answer that was asked for, of a process that may be dead.
    for process in vector.processes:
        process.kill()
        process.join()
    for pipe in vector.parent_pipes:
        if pipe is not None:
            pipe.close()
    vector.closed = True


class EnvironmentsHere:
    """Any number of environments in this process.

    Args:
        make: makes one environment; the first is made at once, the others as they are asked for.
    """

    def __init__(self, make: Callable[[], Environment]):
        self._make = make
        self._made = [make()]

    @property
    def first(self) -> Environment:
        """It has the spaces of all."""
        return self._made[0]

    def reset(self, number: int, seed: int) -> NDArray[Any]:
        """Begin an episode in environment `number`; returns the observation.

        Raises:
            EnvironmentFaultError: the environment did something wrong.
        """
        while len(self._made) <= number:
            self._made.append(self._make())
        return self._made[number].reset(seed=seed)[0]

    def step(self, number: int, action: NDArray[Any]) -> Step:
        """Step environment `number`; returns observation, reward, terminated and truncated.

        Raises:
            EnvironmentFaultError: the environment did something wrong.
        """
        return self._made[number].step(action)[:4]

    def close(self) -> None:
        """Free what the environments hold."""
        for environment in self._made:
            environment.close()


class TimedEnvironments:
    """Any number of environments in one process, each of whose answers has a time limit.

    Args:
        make: makes one environment.
        timeout: seconds that a step or reset may take.
    """

    def __init__(self, make: Callable[[], Environment], timeout: float):
        self._vector = AsyncVectorEnv([lambda: _Several(make)])
        self._timeout = timeout

    def reset(self, number: int, seed: int) -> NDArray[Any]:
        """As `EnvironmentsHere.reset`."""
        return self._call("reset_one", number, seed)

    def step(self, number: int, action: NDArray[Any]) -> Step:
        """As `EnvironmentsHere.step`."""
        return self._call("step_one", number, action)

    def close(self) -> None:
        """End the process."""
        end(self._vector)

    def _call(self, name: str, *arguments: Any) -> Any:
        def ask(timeout: float) -> Any:
            self._vector.call_async(name, *arguments)
            return self._vector.call_wait(timeout)[0]

        try:
            return answer(self._vector, ask, self._timeout)
        except EnvironmentFaultError as error:
            # These are nobody's.
            raise EnvironmentFaultError(error.what) from error


class _Several(gymnasium.Wrapper[Any, Any, Any, Any]):
    """What a vector environment takes for one environment, and is several."""

    def __init__(self, make: Callable[[], Environment]):
        ignore_interrupts()
        self._each = EnvironmentsHere(make)
        super().__init__(self._each.first)

    def reset_one(self, number: int, seed: int) -> Any:
        return self._each.reset(number, seed)

    def step_one(self, number: int, action: Any) -> Any:
        return self._each.step(number, action)
