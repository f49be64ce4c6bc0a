"""Time of a checkpoint: `python -m benchmarks.sections.checkpoint_cost MEMBERS`.

The run is one interval of the default `checkpoint_every`. Only its last part trains and is timed,
with one evaluation and one audit, as every such part has. The checkpoint at the end holds the
replay of the whole interval. One process times both, so that a slow machine affects both.
"""

import sys
import tempfile

import torch

from benchmarks.timing.stopwatch import read_clocks
from ddpg.config.settings import Config
from ddpg.training.loop import Trainer


def checkpoint_cost(members: int) -> dict[str, tuple[float, float]]:
    """Return, per clock, the seconds of one checkpoint and of the training between two of them."""
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
        begun = read_clocks()
        trainer.advance(interval)
        trained = read_clocks()
        trainer.save()
        saved = read_clocks()
        trainer.close()
    return {
        clock: (saved[clock] - trained[clock], (trained[clock] - begun[clock]) * interval / part)
        for clock in begun
    }


def main() -> None:
    """Print one line per clock."""
    for clock, (checkpoint, training) in checkpoint_cost(int(sys.argv[1])).items():
        share = checkpoint / (checkpoint + training)
        print(
            f"{clock}: {checkpoint:.3f} s per checkpoint, {training:.1f} s of training, {share:.2%}"
        )


if __name__ == "__main__":
    main()
