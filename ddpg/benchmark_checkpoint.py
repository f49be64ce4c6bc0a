"""What checkpoints cost a training: `python -m ddpg.benchmark_checkpoint MEMBERS`.

Times every checkpoint of one run at the default settings within that very run, so that a machine
that is slow is slow for both.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ddpg.config import Config
from ddpg.training import Trainer

_WARM_STEPS = 2_000
"""Steps that are not timed: uniformly random actions, then caches that settle."""


@dataclass(frozen=True)
class CheckpointCost:
    """Seconds by the wall's clock, waiting for the disk included, and by the processor's."""

    training: dict[str, float]
    """Clock -> seconds of all, checkpoints included."""
    checkpoints: dict[str, float]
    """Clock -> seconds of the checkpoints."""

    def share(self, clock: str) -> float:
        """Share of the checkpoints in the training's time."""
        return self.checkpoints[clock] / self.training[clock]


_CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "processor": time.process_time,
}


def checkpoint_cost(members: int, intervals: int) -> CheckpointCost:
    """Train at the default settings over some intervals of the default `checkpoint_every`."""
    torch.set_num_threads(1)
    spent = dict.fromkeys(_CLOCKS, 0.0)
    with tempfile.TemporaryDirectory() as runs:
        every = Config().checkpoint_every
        config = Config(members=members, steps=_WARM_STEPS + intervals * every, runs=runs)
        trainer = Trainer(config, report=lambda _: None)
        trainer.begin()
        trainer.advance(_WARM_STEPS)
        save = trainer.save

        def timed() -> None:
            before = {name: clock() for name, clock in _CLOCKS.items()}
            save()
            for name, clock in _CLOCKS.items():
                spent[name] += clock() - before[name]

        trainer.save = timed
        before = {name: clock() for name, clock in _CLOCKS.items()}
        trainer.advance(config.steps)
        training = {name: clock() - before[name] for name, clock in _CLOCKS.items()}
        trainer.close()
    return CheckpointCost(training, spent)


if __name__ == "__main__":
    _cost = checkpoint_cost(int(sys.argv[1]), intervals=1)
    for _clock in _CLOCKS:
        print(
            f"{_clock}: {_cost.checkpoints[_clock]:.3f} s of {_cost.training[_clock]:.1f} s, "
            f"{_cost.share(_clock):.3%}"
        )
