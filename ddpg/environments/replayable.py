"""Environment wrappers: one names faults in one sentence, one restores a state in mid-episode."""

import json
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box

from ddpg.errors import EnvironmentFaultError

LARGEST = float(np.finfo(np.float32).max)
"""Largest number that the float32 replay can store. A comparison with it is False for NaN."""
_BLOCK = 256
"""Actions in the first buffer; a longer episode doubles it."""


class CheckedEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper that raises every fault of an environment as an EnvironmentFaultError.

    Args:
        env: environment with a Box observation space.
        member: index of its member; None while evaluating.

    Raises:
        EnvironmentFaultError: by `reset` and `step`: the environment raised, or returned an
            observation or a reward that replay cannot store.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], member: int | None = None):
        super().__init__(env)
        self.member = member
        assert isinstance(env.observation_space, Box)
        self._shape = env.observation_space.shape

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        try:
            observation, info = self.env.reset(seed=seed, options=options)
        # The user's code: any error can come out of it.
        except Exception as error:
            raise self._raised(error) from error
        return self._checked(observation), info

    def step(self, action: Any) -> Any:
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
        except Exception as error:
            raise self._raised(error) from error
        if not _is_storable_number(reward):
            raise EnvironmentFaultError(f"returned the reward {reward!r}", self.member)
        return self._checked(observation), reward, terminated, truncated, info

    def _checked(self, observation: Any) -> Any:
        shape = np.shape(observation)
        if shape != self._shape:
            raise EnvironmentFaultError(
                f"returned an observation of shape {shape}; allowed: {self._shape}", self.member
            )
        storable = np.abs(observation) <= LARGEST
        if not storable.all():
            value = float(np.asarray(observation)[~storable][0])
            raise EnvironmentFaultError(f"returned an observation with {value}", self.member)
        return observation

    def _raised(self, error: Exception) -> EnvironmentFaultError:
        reason = " ".join(str(error).split())
        return EnvironmentFaultError(f"raised {type(error).__name__}: {reason}", self.member)


class ReplayableEnvironment(CheckedEnvironment):
    """Wrapper that records the current episode and can restore it: a random state and the actions.

    Gymnasium has no way to read the state of an environment. But environments draw from `np_random`
    and change by their actions, so the same random state and actions lead to the same state.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], member: int | None = None):
        super().__init__(env, member)
        self._start: dict[str, Any] = {"seed": None, "random_state": None}
        assert isinstance(env.action_space, Box)
        self._actions = np.zeros((_BLOCK, *env.action_space.shape), env.action_space.dtype)
        self._length = 0
        self._observation: Any = None
        self.to_restore: dict[str, Any] = {}
        """Record that `restore` replays. A vector environment can set one attribute per
        environment, but passes the same arguments to all."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self._start = {
            "seed": seed,
            "random_state": self._random_state() if seed is None else None,
        }
        self._length = 0
        self._observation, info = super().reset(seed=seed, options=options)
        return self._observation, info

    def step(self, action: Any) -> Any:
        if self._length == len(self._actions):
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)])
        self._actions[self._length] = action
        self._length += 1
        result = super().step(action)
        self._observation = result[0]
        return result

    def record(self) -> dict[str, Any]:
        """Return the record of the episode for `restore`: plain values and tensors."""
        return {
            **self._start,
            "actions": torch.from_numpy(self._actions[: self._length].copy()),
            "observation": torch.from_numpy(np.array(self._observation)),
            "random_state_now": self._random_state(),
        }

    def restore(self) -> tuple[Any, bool]:
        """Replay the episode recorded in `to_restore`.

        Returns:
            The observation to act on, and whether the restored state is equal. If not, a new
            episode has started from `to_restore["fresh_seed"]`.
        """
        record = self.to_restore
        is_restored = self._replay(record)
        if not is_restored:
            self.reset(seed=record["fresh_seed"])
        return self._observation, is_restored

    def _replay(self, record: dict[str, Any]) -> bool:
        try:
            if record["random_state"] is not None:
                state = json.loads(record["random_state"])
                self.unwrapped.np_random.bit_generator.state = state
            self.reset(seed=record["seed"])
            for action in record["actions"].numpy():
                _, _, terminated, truncated, _ = self.step(action)
                if terminated or truncated:
                    return False
        # An environment that differs this time may fail, and so may an invalid random state.
        except (EnvironmentFaultError, LookupError, OverflowError, TypeError, ValueError):
            return False
        is_equal = np.array_equal(self._observation, record["observation"].numpy())
        return is_equal and self._random_state() == record["random_state_now"]

    def _random_state(self) -> str:
        return json.dumps(self.unwrapped.np_random.bit_generator.state, default=np.ndarray.tolist)


def _is_storable_number(reward: Any) -> bool:
    """Return whether `reward` is one number that replay can store."""
    try:
        return -LARGEST <= float(reward) <= LARGEST
    except (TypeError, ValueError):
        return False
