"""Environments with unusual spaces, rewards and episodes, whose transitions are known exactly.

All of them observe the step number, accept any action, and have a configured reward.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Space

LONG_EPISODE = 10_000


class Odd(gymnasium.Env[Any, Any]):
    """Environment with episodes of `length` steps.

    Args:
        observation_space: space of the observations; each entry is the step number, clipped.
        action_space: space of the actions.
        reward: reward of each step, plus `slope` times the first entry of the action.
        slope: see `reward`.
        length: the step that ends the episode, or None.
        terminates: whether that step terminates.
        truncates: whether that step truncates.
    """

    def __init__(
        self,
        observation_space: Space[Any],
        action_space: Space[Any],
        reward: float = 1.0,
        slope: float = 0.0,
        length: int | None = 4,
        terminates: bool = True,
        truncates: bool = False,
    ):
        self.observation_space, self.action_space = observation_space, action_space
        self.reward, self.slope, self.length = reward, slope, length
        self.terminates, self.truncates = terminates, truncates
        self.step_number = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed, options=options)
        self.step_number = 0
        return self._observation(self.observation_space), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action), action
        self.step_number += 1
        last = self.step_number == self.length
        reward = self.reward + (self.slope * float(np.ravel(action)[0]) if self.slope else 0.0)
        observation = self._observation(self.observation_space)
        return observation, reward, last and self.terminates, last and self.truncates, {}

    def _observation(self, space: Space[Any]) -> Any:
        if isinstance(space, Dict):
            return {name: self._observation(part) for name, part in space.spaces.items()}
        assert isinstance(space, Box)
        value = np.full(space.shape, self.step_number)
        return np.clip(value, space.low, space.high).astype(space.dtype)


def box(low: Any, high: Any, shape: tuple[int, ...], dtype: Any = np.float32) -> Box:
    """Return a Box of `shape`."""
    return Box(low, high, shape, dtype)


_OBSERVED, _ACTED = box(-20_000, 20_000, (3,)), box(-1, 1, (2,))

SHAPES: dict[str, dict[str, Any]] = {
    "RewardsTimesMillion": {"reward": 1e6},
    "RewardsByMillion": {"reward": 1e-6},
    "ObservationsOfFloat64": {"observation_space": box(-1e9, 1e9, (3,), np.float64)},
    "ObservationsOfIntegers": {"observation_space": box(-100, 100, (3,), np.int64)},
    "ObservationsOfBytes": {"observation_space": box(0, 255, (3,), np.uint8)},
    "ObservationsWithoutBounds": {"observation_space": box(-np.inf, np.inf, (3,))},
    "ObservationsInTwoDimensions": {"observation_space": box(0, 1, (6, 5), np.float32)},
    "ActionsOfFloat64": {"action_space": box(-2, 2, (2,), np.float64)},
    "ActionsOfFloat16": {"action_space": box(-2, 2, (2,), np.float16)},
    "ActionsWithUnequalBounds": {
        "action_space": Box(np.array([-1, 0, 5], np.float32), np.array([3, 10, 6], np.float32))
    },
    "ManyDimensions": {
        "observation_space": box(-20_000, 20_000, (1000,)),
        "action_space": box(-1, 1, (50,)),
    },
    "OneStep": {"length": 1},
    "TerminatedAndTruncated": {"truncates": True},
}
"""Name -> difference to an environment that terminates after four steps with rewards of 1."""

REFUSED: dict[str, dict[str, Any]] = {
    "DiscreteActions": {"action_space": Discrete(3)},
    "BinaryActions": {"action_space": MultiBinary(3)},
    "ActionsOfIntegers": {"action_space": box(-1, 1, (2,), np.int64)},
    "ActionsInTwoDimensions": {"action_space": box(-1, 1, (2, 2))},
    "ActionsWithoutBounds": {"action_space": box(-np.inf, np.inf, (2,))},
    "ActionsWithoutWidth": {"action_space": box(1, 1, (2,))},
    "DictObservations": {"observation_space": Dict({"a": _OBSERVED, "b": _ACTED})},
    "DiscreteObservations": {"observation_space": Discrete(3)},
}
"""Name -> difference that DDPG cannot be trained with, so that it refuses the environment."""


def identifier(name: str) -> str:
    """Return the Gymnasium id of a name in `SHAPES` or `REFUSED`, or of `Long`."""
    return f"ddpg-tests/{name}-v0"


def register() -> None:
    """Register the environments under their `identifier`."""
    spaces = {"observation_space": _OBSERVED, "action_space": _ACTED}
    for name, difference in {**SHAPES, **REFUSED}.items():
        gymnasium.register(identifier(name), f"{__name__}:Odd", kwargs={**spaces, **difference})
    # Only the time limit ends this episode.
    gymnasium.register(
        identifier("Long"),
        f"{__name__}:Odd",
        kwargs={**spaces, "length": None},
        max_episode_steps=LONG_EPISODE,
    )
