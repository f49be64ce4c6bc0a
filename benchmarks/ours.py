"""This agent at the benchmark's work, as `scripts/train.py` runs it: command line, bar, logs."""

import tempfile
from collections.abc import Sequence

from benchmarks.work import ENDLESS, REPLAY_CAPACITY, Work
from ddpg.cli.display import progress_display, show
from ddpg.cli.parser import parse_config
from ddpg.config.settings import Config
from ddpg.training import loop as training

COMPILED = ("--compile",)
"""Arguments of the command line that compile the update."""


def train(work: Work, arguments: Sequence[str]) -> None:
    """Train until the clock ends it.

    Args:
        work: what is timed.
        arguments: further ones of `scripts/train.py`'s command line.
    """
    with tempfile.TemporaryDirectory() as runs, progress_display() as bar:
        training.train(config(work, runs, arguments), lambda progress: show(bar, progress))


def config(work: Work, runs: str, arguments: Sequence[str] = ()) -> Config:
    """The settings of `work`, from a command line of `scripts/train.py`.

    Args:
        work: what is timed.
        runs: the folder of runs.
        arguments: further ones of the command line.
    """
    settings = {
        "members": work.members,
        "steps": ENDLESS,
        "seed": work.seed,
        "hidden": [work.hidden, work.hidden],
        "batch_size": work.batch,
        "replay_capacity": REPLAY_CAPACITY,
        "random_steps": work.random_steps,
        "evaluation_every": 0,
        "checkpoint_every": 0,
        "threads": work.threads,
        "runs": runs,
    }
    return parse_config([*(f"--{name}={value}" for name, value in settings.items()), *arguments])
