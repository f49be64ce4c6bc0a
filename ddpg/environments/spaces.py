"""Checks of observation and action spaces, and scaling of actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray

from ddpg.errors import ConfigError, StateError
from ddpg.runs.state_check import TensorPattern, require_finite, require_like


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


@dataclass(frozen=True, eq=False)
class Spaces:
    """Observation and action spaces of a run, as its checkpoints store them."""

    observation_shape: tuple[int, ...]
    action_low: NDArray[Any]
    """`[action]`, of the dtype of the space."""
    action_high: NDArray[Any]

    @classmethod
    def of(cls, observation: Box, action: Box) -> Self:
        """Return the parts that a policy needs of two spaces."""
        return cls(observation.shape, action.low, action.high)

    @property
    def observation_dim(self) -> int:
        """Width of a flattened observation."""
        return int(np.prod(self.observation_shape))

    @cached_property
    def scale(self) -> ActionScale:
        """Scale of the actions."""
        low, high = self.action_low, self.action_high
        return ActionScale(Box(low, high, dtype=low.dtype.type))

    def state_dict(self) -> dict[str, Any]:
        """Return the spaces as tensors and plain values."""
        return {
            "observation_shape": list(self.observation_shape),
            "action_low": torch.from_numpy(self.action_low.copy()),
            "action_high": torch.from_numpy(self.action_high.copy()),
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Self:
        """Return the spaces of a result of `state_dict`.

        Raises:
            StateError: `state` is something else.
        """
        bounds = TensorPattern((None,), None)
        pattern = {"observation_shape": {list}, "action_low": bounds, "action_high": bounds}
        require_like(state, pattern, "spaces")
        shape, low, high = (state[name] for name in pattern)
        require_like(shape, [0] * len(shape), "spaces.observation_shape")
        require_like(high, low, "spaces.action_high")
        require_finite([low, high], [True] * len(low), "spaces")
        if not (low.is_floating_point() and bool((low < high).all()) and min(shape, default=1) > 0):
            raise StateError("spaces is not a pair of spaces; allowed: the spaces of a run")
        return cls(tuple(shape), low.numpy(), high.numpy())


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
