"""Small environments with known transitions, and one that fails on purpose."""

import os
import signal
import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box


class Counting(gymnasium.Env[np.ndarray, np.ndarray]):
    """Environment that observes its step number; the reward is the action.

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
    """Register the environments as `ddpg-tests/...`."""
    cases: dict[str, dict[str, Any]] = {
        "Terminates": {"terminates_at": 4},
        "Truncates": {"truncates_at": 4},
        "Both": {"terminates_at": 4, "truncates_at": 4},
        "Asymmetric": {"truncates_at": 4, "low": (-1.0, 0.0), "high": (3.0, 10.0)},
        "Unbounded": {"truncates_at": 4, "high": (np.inf,)},
        "Flat": {"truncates_at": 4, "high": (-1.0,)},
    }
    for name, options in cases.items():
        identifier = f"ddpg-tests/{name}-v0"
        if identifier not in gymnasium.registry:
            gymnasium.register(identifier, f"{__name__}:Counting", kwargs=options)
    if "ddpg-tests/Faulty-v0" not in gymnasium.registry:
        gymnasium.register("ddpg-tests/Faulty-v0", f"{__name__}:Faulty")


class Faulty(gymnasium.Env[np.ndarray, np.ndarray]):
    """Environment of a randomly moving point, in episodes of 4 steps, with one fault.

    Args:
        fault: raises, hangs, dies, or one of the wrong results in `_apply_fault`.
        at: step of the fault, counted over all episodes from 1.
        seed: first seed of the environment that has the fault; -1: all have it.
    """

    def __init__(self, fault: str = "", at: int = 30, seed: int = -1):
        self.fault, self.at, self.seed = fault, at, seed
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = Box(-1, 1, (1,), np.float32)
        self.steps = 0
        self.first_seed: int | None = None
        self.place = np.zeros(2, np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed, options=options)
        self.first_seed = seed if self.first_seed is None else self.first_seed
        self.place = self.np_random.normal(size=2).astype(np.float32)
        return self.place.copy(), {}

    def step(self, action: np.ndarray) -> Any:
        self.steps += 1
        self.place += np.float32(0.1) * action
        observation, reward = self.place.copy(), float(-np.abs(self.place).sum())
        if self.steps == self.at and self.seed in (-1, self.first_seed):
            observation, reward = self._apply_fault(observation, reward)
        return observation, reward, False, self.steps % 4 == 0, {}

    def _apply_fault(self, observation: np.ndarray, reward: float) -> Any:
        match self.fault:
            case "raises":
                raise ValueError("the motor\nis broken")
            case "hangs":
                time.sleep(1_000)
            case "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "observation is NaN":
                observation[1] = np.nan
            case "observation is too long":
                observation = np.zeros(3, np.float32)
            case "reward is infinite":
                reward = np.inf
            case "reward is no number":
                return observation, None
            case "reward is enormous":
                reward = 1e30
        return observation, reward
