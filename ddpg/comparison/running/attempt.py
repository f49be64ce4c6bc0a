"""One attempt at one task: start or resume its run and train it to its end."""

import dataclasses
import gc
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ddpg.comparison.stop_warnings import ignore_stop_warnings
from ddpg.config.settings import Config
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.training.loop import train
from ddpg.training.progress import Progress


class Ending(Enum):
    """Ways in which an attempt ends."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    """A checkpoint is written, from which the run can resume."""
    FAILED = "failed"


class Outcome(NamedTuple):
    """Ending of an attempt and its error."""

    ending: Ending
    error: str = ""
    """`Name: sentence` of the exception of a failed attempt."""


def attempt(config: Config, report: Callable[[Progress], None]) -> Outcome:
    """Train the run of `config`, from its newest checkpoint if it has one.

    An exception is returned as text, since the outcome is sent to another process.

    Args:
        config: all settings, including the run's name.
        report: see `ddpg.train`.
    """
    run = RunFolder(Path(config.runs) / str(config.name))
    try:
        resume = Checkpoints(run.checkpoints).latest_step() is not None
        with ignore_stop_warnings():
            result = train(dataclasses.replace(config, resume=resume), report)
    except Exception as error:
        return Outcome(Ending.FAILED, describe(error))
    finally:
        # A trainer is part of a reference cycle, which would keep its replay buffer alive.
        gc.collect()
    return Outcome(Ending.FINISHED if result.finished else Ending.INTERRUPTED)


def describe(error: BaseException) -> str:
    """Return an exception as one line, `Name: message`."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
