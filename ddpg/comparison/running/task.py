"""One task in one process: its run, from where it stands, to its end."""

import dataclasses
import gc
import warnings
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ddpg.config.settings import Config
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.stops import StopWarning
from ddpg.training.loop import Progress, train


class Ending(Enum):
    """How an attempt at a task ended."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    """A checkpoint is written, and it can be gone on from."""
    FAILED = "failed"


class Outcome(NamedTuple):
    """What an attempt at a task came to."""

    ending: Ending
    error: str = ""
    """`Name: sentence` of what made it fail."""


def attempt(config: Config, report: Callable[[Progress], None]) -> Outcome:
    """Begin the run of `config`, or go on with it from its newest checkpoint.

    Whatever goes wrong is told by its name instead of raised, since it must reach another process.

    Args:
        config: all settings, with the run's name.
        report: see `ddpg.train`.
    """
    run = RunFolder(Path(config.runs) / str(config.name))
    begun = Checkpoints(run.checkpoints).latest_step() is not None
    try:
        with warnings.catch_warnings():
            # The plan told it, when it was made.
            warnings.simplefilter("ignore", StopWarning)
            result = train(dataclasses.replace(config, resume=begun), report)
    except Exception as error:
        return Outcome(Ending.FAILED, describe(error))
    finally:
        # A trainer is part of a cycle: its replay of tens of megabytes would outlive many tasks.
        gc.collect()
    return Outcome(Ending.FINISHED if result.finished else Ending.INTERRUPTED)


def describe(error: BaseException) -> str:
    """An exception as one line, with its name."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
