"""Small environments with an outcome that can be told by hand."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box


class Counting(gymnasium.Env[np.ndarray, np.ndarray]):
    """Observes its step number; ends as it is told; the reward is the action it was given.

    Args:
        terminates_at: the step that terminates, or None.
        truncates_at: the step that truncates, or None.
        low: lower bounds of the action.
        high: upper bounds of the action.
    """

    def __init__(
        self,
        terminates_at: int | None = None,
        truncates_at: int | None = None,
        low: Any = (-1.0,),
        high: Any = (1.0,),
    ):
        self.terminates_at, self.truncates_at = terminates_at, truncates_at
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = Box(np.array(low, np.float32), np.array(high, np.float32))
        self.step_number = 0
        self.episode = -1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed, options=options)
        self.step_number = 0
        self.episode += 1
        return self._observation(), {}

    def step(self, action: np.ndarray) -> Any:
        assert self.action_space.contains(action), action
        self.step_number += 1
        terminated = self.step_number == self.terminates_at
        truncated = self.step_number == self.truncates_at
        return self._observation(), float(action[0]), terminated, truncated, {}

    def _observation(self) -> np.ndarray:
        return np.array([self.episode, self.step_number], np.float32)


def register() -> None:
    """Make the environments known as `ddpg-tests/...`."""
    cases: dict[str, dict[str, Any]] = {
        "Terminates": {"terminates_at": 4},
        "Truncates": {"truncates_at": 4},
        "Both": {"terminates_at": 4, "truncates_at": 4},
        "Asymmetric": {"truncates_at": 4, "low": (-1.0, 0.0), "high": (3.0, 10.0)},
        "Unbounded": {"truncates_at": 4, "high": (np.inf,)},
        "Flat": {"truncates_at": 4, "high": (-1.0,)},
        "NaN": {"truncates_at": 4},
    }
    for name, options in cases.items():
        identifier = f"ddpg-tests/{name}-v0"
        if identifier not in gymnasium.registry:
            kind = "BecomesNaN" if name == "NaN" else "Counting"
            gymnasium.register(identifier, f"{__name__}:{kind}", kwargs=options)


class BecomesNaN(Counting):
    """Its reward is NaN from the 30th step on."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.steps = 0

    def step(self, action: np.ndarray) -> Any:
        observation, reward, *rest = super().step(action)
        self.steps += 1
        return observation, float("nan") if self.steps >= 30 else reward, *rest
