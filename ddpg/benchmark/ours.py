"""This agent at the benchmark's work, as `scripts/train.py` runs it: command line, bar, logs."""

import tempfile
from collections.abc import Sequence

from ddpg import training
from ddpg.benchmark.work import ENDLESS, LEARNING_RATE, NOISE_SIGMA, Work
from ddpg.command_line import parse_config
from ddpg.display import progress_display, show


def train(work: Work, arguments: Sequence[str]) -> None:
    """Train until the clock ends it.

    Args:
        work: what is timed.
        arguments: further ones of `scripts/train.py`'s command line.
    """
    with tempfile.TemporaryDirectory() as runs, progress_display() as bar:
        config = parse_config([*_command_line(work, runs), *arguments])
        training.train(config, lambda progress: show(bar, progress))


def _command_line(work: Work, runs: str) -> list[str]:
    settings = {
        "members": work.members,
        "steps": ENDLESS,
        "seed": work.seed,
        "hidden": [work.hidden, work.hidden],
        "batch_size": work.batch,
        "critic_learning_rate": LEARNING_RATE,
        "noise_sigma": NOISE_SIGMA,
        "random_steps": work.random_steps,
        "evaluation_every": 0,
        "checkpoint_every": 0,
        "threads": work.threads,
        "runs": runs,
    }
    return [f"--{name}={value}" for name, value in settings.items()]
