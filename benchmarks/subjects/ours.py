"""This agent, run as `scripts/train.py` runs it: command line, progress bar and logs."""

import tempfile
from collections.abc import Sequence

from benchmarks.workload import ENDLESS, Workload
from ddpg.cli.parser import parse_config
from ddpg.config.settings import Config
from ddpg.training import loop as training
from ddpg.training.display import progress_display

COMPILED = ("--compile",)
"""Arguments of the command line that compile the update."""


def train(workload: Workload, arguments: Sequence[str]) -> None:
    """Train until the clock ends the run.

    Args:
        workload: what is timed.
        arguments: additional arguments of `scripts/train.py`.
    """
    with tempfile.TemporaryDirectory() as runs, progress_display() as show:
        config = workload_config(workload, runs, arguments)
        training.train(config, show)


def workload_config(workload: Workload, runs: str, arguments: Sequence[str] = ()) -> Config:
    """Return the settings of `workload`, parsed from a command line of `scripts/train.py`.

    Args:
        workload: what is timed.
        runs: the folder of runs.
        arguments: additional arguments of the command line.
    """
    settings = {
        "members": workload.members,
        "steps": ENDLESS,
        "seed": workload.seed,
        "hidden": [workload.hidden, workload.hidden],
        "batch_size": workload.batch,
        "replay_capacity": workload.replay_capacity,
        "random_steps": workload.random_steps,
        "evaluation_every": 0,
        "checkpoint_every": 0,
        "threads": workload.threads,
        "runs": runs,
    }
    return parse_config([*(f"--{name}={value}" for name, value in settings.items()), *arguments])
