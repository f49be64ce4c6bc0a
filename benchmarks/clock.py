"""Time stamps inside the environment's own `step`: at the same place for every subject."""

import time
from functools import wraps
from typing import Any, NamedTuple

import gymnasium
from gymnasium.envs.classic_control.pendulum import PendulumEnv
from gymnasium.envs.registration import load_env_creator

from benchmarks.work import ENVIRONMENT, Work

_FIRST_UPDATES = 2
"""Updates before the warm-up begins; a compilation falls into them."""
_LEAST_STEPS = 10
"""Of the warm-up and of what is timed, however long that takes."""


class Finished(BaseException):
    """Enough was timed. No `Exception`, so that nothing on the way takes it for an error."""


class Stamp(NamedTuple):
    """One moment of a subject's run."""

    step: int
    """Environment steps begun, of one member."""
    wall: float
    """Seconds of the system's monotonic clock, which all processes share."""
    processor: float
    """Seconds of processor time of this process."""


class StepClock:
    """Counts environment steps, takes stamps, and raises `Finished` when enough was timed.

    Args:
        work: what is timed; a step is a step of all its members.
    """

    def __init__(self, work: Work):
        self.work = work
        self.steps = 0
        self.stamps: dict[str, Stamp] = {}
        """By name: `first step`, `first update`, `warm`, `start`, `end`."""

    def watch(self) -> None:
        """Take part in each step of every Pendulum of this process from now on."""
        _wrap(PendulumEnv, self, calls_a_step=self.work.members)
        vector = gymnasium.spec(ENVIRONMENT).vector_entry_point
        if vector is not None:
            _wrap(load_env_creator(vector) if isinstance(vector, str) else vector, self, 1)

    def tick(self) -> None:
        """A step of all members begins."""
        self.steps += 1
        if self.steps == 1:
            self._stamp("first step")
        elif self.steps == self.work.random_steps + 1:
            self._stamp("first update")
        elif self.steps == self.work.random_steps + 1 + _FIRST_UPDATES:
            self._stamp("warm")
        elif "warm" in self.stamps:
            self._time()

    def _time(self) -> None:
        if "start" not in self.stamps:
            if self._passed("warm", self.work.warm_seconds):
                self._stamp("start")
        elif self._passed("start", self.work.seconds):
            self._stamp("end")
            raise Finished

    def _passed(self, name: str, seconds: float) -> bool:
        since = self.stamps[name]
        return time.monotonic() - since.wall >= seconds and self.steps - since.step >= _LEAST_STEPS

    def _stamp(self, name: str) -> None:
        self.stamps[name] = Stamp(self.steps, time.monotonic(), time.process_time())


def _wrap(environment: Any, clock: StepClock, calls_a_step: int) -> None:
    """Make every `calls_a_step`-th call of `environment.step` tick, from the first on."""
    step, calls = environment.step, 0

    @wraps(step)
    def ticking(self: Any, *arguments: Any) -> Any:
        nonlocal calls
        if calls % calls_a_step == 0:
            clock.tick()
        calls += 1
        return step(self, *arguments)

    environment.step = ticking
