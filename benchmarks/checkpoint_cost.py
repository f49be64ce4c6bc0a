"""What checkpoints cost a training: `python -m benchmarks.checkpoint_cost MEMBERS`.

One interval of the default `checkpoint_every`, of which only the last part trains, and is timed:
with one evaluation and one audit, as every such part has. The checkpoint at its end has the replay
of the whole interval. Both are timed in one process, so that a slow machine is slow for both.
"""

import sys
import tempfile
import time
from collections.abc import Callable

import torch

from ddpg.config.settings import Config
from ddpg.training.loop import Trainer

_CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "processor": time.process_time,
}


def checkpoint_cost(members: int) -> dict[str, tuple[float, float]]:
    """Clock -> seconds of one checkpoint, and of the training between two of them."""
    torch.set_num_threads(1)
    default = Config()
    interval, part = default.checkpoint_every, default.evaluation_every
    with tempfile.TemporaryDirectory() as runs:
        config = Config(
            members=members, runs=runs, checkpoint_every=0, random_steps=interval - part
        )
        trainer = Trainer(config, report=lambda _: None)
        trainer.begin()
        trainer.advance(interval - part)
        times = [_now()]
        trainer.advance(interval)
        times.append(_now())
        trainer.save()
        times.append(_now())
        trainer.close()
    begun, trained, saved = times
    return {
        clock: (saved[clock] - trained[clock], (trained[clock] - begun[clock]) * interval / part)
        for clock in _CLOCKS
    }


def _now() -> dict[str, float]:
    return {name: clock() for name, clock in _CLOCKS.items()}


if __name__ == "__main__":
    for _clock, (_checkpoint, _training) in checkpoint_cost(int(sys.argv[1])).items():
        _share = _checkpoint / (_checkpoint + _training)
        print(f"{_clock}: {_checkpoint:.3f} s to {_training:.1f} s of training, {_share:.2%}")
