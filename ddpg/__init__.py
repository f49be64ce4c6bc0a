"""DDPG for PyTorch and Gymnasium in which the path that a gradient takes is a setting.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpg.agent import DDPG
    from ddpg.checkpoint import CheckpointError
    from ddpg.config import Config, ConfigError
    from ddpg.evaluation import Evaluation, evaluate
    from ddpg.faults import DivergenceError, EnvironmentFaultError, RunError, StorageError
    from ddpg.policy import Policy, load_policy
    from ddpg.replay import Batch
    from ddpg.training import Progress, TrainingResult, train

_HOMES = {
    "DDPG": "agent",
    "Batch": "replay",
    "CheckpointError": "checkpoint",
    "Config": "config",
    "ConfigError": "config",
    "DivergenceError": "faults",
    "EnvironmentFaultError": "faults",
    "Evaluation": "evaluation",
    "Policy": "policy",
    "Progress": "training",
    "RunError": "faults",
    "StorageError": "faults",
    "TrainingResult": "training",
    "evaluate": "evaluation",
    "load_policy": "policy",
    "train": "training",
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
