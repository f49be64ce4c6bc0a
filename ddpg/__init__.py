"""DDPG for PyTorch and Gymnasium in which the path that a gradient takes is a setting.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpg.agent import DDPG
    from ddpg.config.settings import Config
    from ddpg.errors import (
        CheckpointError,
        ConfigError,
        DivergenceError,
        EnvironmentFaultError,
        RunError,
        StorageError,
    )
    from ddpg.evaluation.policy import Policy, load_policy
    from ddpg.evaluation.scores import Evaluation, evaluate
    from ddpg.replay import Batch
    from ddpg.training.loop import train
    from ddpg.training.progress import Progress, TrainingResult

__version__ = "0.1.0"

_HOMES = {
    "DDPG": "agent",
    "Batch": "replay",
    "CheckpointError": "errors",
    "Config": "config.settings",
    "ConfigError": "errors",
    "DivergenceError": "errors",
    "EnvironmentFaultError": "errors",
    "Evaluation": "evaluation.scores",
    "Policy": "evaluation.policy",
    "Progress": "training.progress",
    "RunError": "errors",
    "StorageError": "errors",
    "TrainingResult": "training.progress",
    "evaluate": "evaluation.scores",
    "load_policy": "evaluation.policy",
    "train": "training.loop",
}

__all__ = [
    "DDPG",
    "Batch",
    "CheckpointError",
    "Config",
    "ConfigError",
    "DivergenceError",
    "EnvironmentFaultError",
    "Evaluation",
    "Policy",
    "Progress",
    "RunError",
    "StorageError",
    "TrainingResult",
    "evaluate",
    "load_policy",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"ddpg.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ddpg' has no attribute {name!r}")
