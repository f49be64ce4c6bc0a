"""Checks of observation and action spaces, and scaling of actions."""

from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray

from ddpg.errors import ConfigError
from ddpg.runs.state_check import TensorPattern


class ActionScale:
    """Affine map from the actor's [−1, 1] to the bounds of the action space.

    Args:
        space: space with finite bounds, which may differ by dimension and be asymmetric.

    Raises:
        ConfigError: a bound is infinite, or low is not below high.
    """

    def __init__(self, space: Box):
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise ConfigError(
                f"env: the action space {space} with an infinite bound is not allowed; allowed: "
                "finite bounds, since tanh is scaled to them (gymnasium.wrappers.RescaleAction "
                "sets bounds)"
            )
        if not (low < high).all():
            raise ConfigError(
                f"env: the action space {space} with low not below high is not allowed; allowed: "
                "low < high"
            )
        self.low, self.high = low, high
        self.center, self.half_range = (high + low) / 2, (high - low) / 2
        self.dtype = space.dtype

    def to_environment(self, action: NDArray[np.floating]) -> NDArray[Any]:
        """Scale actions in [−1, 1] to the bounds and dtype of the space: `[..., action]`."""
        scaled = self.center + self.half_range * action
        # Rounding can exceed the bounds, which environments check.
        return np.minimum(np.maximum(scaled, self.low), self.high).astype(self.dtype)


def observation_dim(space: gymnasium.Space[Any]) -> int:
    """Return the width of a flattened observation.

    Raises:
        ConfigError: the space is not a Box.
    """
    if not isinstance(space, Box):
        raise ConfigError(
            f"env: the observation space {space} is not allowed; allowed: Box "
            "(gymnasium.wrappers.FlattenObservation converts Dict and Tuple)"
        )
    return int(np.prod(space.shape))


def action_scale(space: gymnasium.Space[Any]) -> ActionScale:
    """Return the scale of an action space.

    Raises:
        ConfigError: the space is not a one-dimensional Box of floats with finite bounds.
    """
    if not (isinstance(space, Box) and len(space.shape) == 1 and space.dtype.kind == "f"):
        raise ConfigError(
            f"env: the action space {space} is not allowed; allowed: a one-dimensional Box of "
            "floats, since DDPG is for continuous actions"
        )
    return ActionScale(space)


def point_pattern(space: Any, *sizes: int | None) -> TensorPattern:
    """Return the pattern of a tensor `[*sizes, *point]` of points of a Box."""
    dtype = torch.from_numpy(np.empty(0, space.dtype)).dtype
    return TensorPattern((*sizes, *space.shape), dtype)
