"""Clock inside the environment's own `step`, at the same place for every subject."""

import time
from functools import wraps
from typing import Any, NamedTuple

from gymnasium.envs.classic_control.pendulum import PendulumEnv

from benchmarks.workload import Workload
from ddpg.environments.pendulum import PendulumVectorEnv

_FIRST_UPDATES = 2
"""Updates before the warm-up, which include a compilation."""
_MIN_STEPS = 10
"""Minimum steps of the warm-up and of the timed phase."""


class Finished(KeyboardInterrupt):
    """Signal that the timed phase is over: the only kind that every subject lets pass."""


class TimeStamp(NamedTuple):
    """Moment of a subject's run."""

    step: int
    """Environment steps begun, of one member."""
    wall: float
    """Seconds of the system's monotonic clock, which all processes share."""
    processor: float
    """Seconds of processor time of this process."""


class StepClock:
    """Counter of environment steps that takes time stamps and ends the run with `Finished`.

    Args:
        workload: what is timed; one step is a step of all members.
    """

    def __init__(self, workload: Workload):
        self.workload = workload
        self.steps = 0
        self.stamps: dict[str, TimeStamp] = {}
        """By name: `first step`, `first update`, `warm`, `start`, `end`."""

    def watch(self) -> None:
        """Count the steps of every Pendulum in this process from now on."""
        _wrap_step(PendulumEnv, self, calls_per_tick=self.workload.members)
        _wrap_step(PendulumVectorEnv, self, calls_per_tick=1)

    def tick(self) -> None:
        """Count the beginning of one step of all members.

        Raises:
            Finished: the timed phase is over.
        """
        self.steps += 1
        if self.steps == 1:
            self._stamp("first step")
        elif self.steps == self.workload.random_steps + 1:
            self._stamp("first update")
        elif self.steps == self.workload.random_steps + 1 + _FIRST_UPDATES:
            self._stamp("warm")
        elif "warm" in self.stamps:
            self._warm_up_or_time()

    def _warm_up_or_time(self) -> None:
        if "start" not in self.stamps:
            if self._passed("warm", self.workload.warm_seconds):
                self._stamp("start")
        elif self._passed("start", self.workload.seconds):
            self._stamp("end")
            raise Finished

    def _passed(self, name: str, seconds: float) -> bool:
        since = self.stamps[name]
        return time.monotonic() - since.wall >= seconds and self.steps - since.step >= _MIN_STEPS

    def _stamp(self, name: str) -> None:
        self.stamps[name] = TimeStamp(self.steps, time.monotonic(), time.process_time())


def _wrap_step(environment: Any, clock: StepClock, calls_per_tick: int) -> None:
    """Make every `calls_per_tick`-th call of `environment.step`, from the first, tick `clock`."""
    step, calls = environment.step, 0

    @wraps(step)
    def ticking(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        if calls % calls_per_tick == 0:
            clock.tick()
        calls += 1
        return step(self, *arguments)

    environment.step = ticking
