"""Environments that fail as machines do; importing this module registers them."""

import os
import resource
import signal
from pathlib import Path
from typing import Any

import gymnasium

from tests.environments.registered import Counting, Faulty

MODULE = __name__


class Failing(Counting):
    """Environment that fails at one step.

    Args:
        how: `kill`: its process is killed; `raise`: an exception; `full`: files cannot grow.
        at: the step, counted from its construction.
        marker: file created on failure, which prevents further failures; empty: fail every time.
    """

    def __init__(self, how: str, at: int = 25, marker: str = "", truncates_at: int = 4):
        super().__init__(truncates_at=truncates_at)
        self.how, self.at, self.marker = how, at, marker
        self.steps = 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        if self.steps == self.at and not (self.marker and Path(self.marker).exists()):
            if self.marker:
                Path(self.marker).touch()
            self._fail()
        return super().step(action)

    def _fail(self) -> None:
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.how == "full":
            _limit_files(2_000)
        else:
            raise RuntimeError("the motor burnt")

    def close(self) -> None:
        # The process continues with other tasks.
        _limit_files(resource.getrlimit(resource.RLIMIT_FSIZE)[1])


def _limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


_KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Failing-v0": (Failing, {"truncates_at": 4}),
    "Diverging-v0": (Faulty, {"fault": "reward is enormous"}),
    "Sound-v0": (Counting, {"truncates_at": 4}),
}
for _name, (_kind, _options) in _KINDS.items():
    if _name not in gymnasium.registry:
        gymnasium.register(_name, _kind, kwargs=_options)
