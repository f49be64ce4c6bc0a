"""An environment that can be brought back in mid-episode, and whose faults are one sentence."""

import json
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box

from ddpg.errors import EnvironmentFaultError

LARGEST = float(np.finfo(np.float32).max)
"""Replay is float32; a comparison with it fails for NaN too."""
_BLOCK = 256
"""Actions that there is room for at first; an episode that is longer doubles it."""


class Guarded(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Says in one sentence what an environment did wrong, and whose it is.

    Args:
        env: any environment with a Box observation space.
        member: whose it is; None while evaluating.

    Raises:
        EnvironmentFaultError: by `reset` and `step`: the environment raised, or gave an observation
            or a reward that no transition can hold.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], member: int | None = None):
        super().__init__(env)
        self.member = member
        assert isinstance(env.observation_space, Box)
        self._shape = env.observation_space.shape

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        try:
            observation, info = self.env.reset(seed=seed, options=options)
        # Whatever a stranger's code raises stops the run, and is told.
        except Exception as error:
            raise self._raised(error) from error
        return self._checked(observation), info

    def step(self, action: Any) -> Any:
        try:
            observation, reward, terminated, truncated, info = self.env.step(action)
        except Exception as error:
            raise self._raised(error) from error
        if not _is_number(reward):
            raise EnvironmentFaultError(f"gave the reward {reward!r}", self.member)
        return self._checked(observation), reward, terminated, truncated, info

    def _checked(self, observation: Any) -> Any:
        shape = np.shape(observation)
        if shape != self._shape:
            raise EnvironmentFaultError(
                f"gave an observation of shape {shape}, and its space has {self._shape}",
                self.member,
            )
        storable = np.abs(observation) <= LARGEST
        if not storable.all():
            broken = float(np.asarray(observation)[~storable][0])
            raise EnvironmentFaultError(f"gave an observation that holds {broken}", self.member)
        return observation

    def _raised(self, error: Exception) -> EnvironmentFaultError:
        reason = " ".join(str(error).split())
        return EnvironmentFaultError(f"raised {type(error).__name__}: {reason}", self.member)


class EpisodeRecord(Guarded):
    """Keeps what brings an environment back in mid-episode: a random state, and the actions since.

    Gymnasium offers no state of an environment, but every environment draws from `np_random` and
    changes by the actions that it is given, so an episode that is begun from the same random state
    and given the same actions comes to the same place.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], member: int | None = None):
        super().__init__(env, member)
        self._begun: dict[str, Any] = {"seed": None, "random_state": None}
        assert isinstance(env.action_space, Box)
        self._actions = np.zeros((_BLOCK, *env.action_space.shape), env.action_space.dtype)
        self._length = 0
        self._observation: Any = None
        self.to_restore: dict[str, Any] = {}
        """What `restore` takes up: a vector environment hands each environment its own this way."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self._begun = {
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
        """What `restore` needs: plain values and tensors."""
        return {
            **self._begun,
            "actions": torch.from_numpy(self._actions[: self._length].copy()),
            "observation": torch.from_numpy(np.array(self._observation)),
            "random_state_now": self._random_state(),
        }

    def restore(self) -> tuple[Any, bool]:
        """Replay the episode of `to_restore`.

        Returns:
            The observation to act on, and whether the environment came back equal; if not, an
            episode began anew from `to_restore["fresh_seed"]`.
        """
        record = self.to_restore
        came_back = self._replay(record)
        if not came_back:
            self.reset(seed=record["fresh_seed"])
        return self._observation, came_back

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
        # An environment that does something else this time may do that too; so may a random state
        # that is none.
        except (EnvironmentFaultError, LookupError, OverflowError, TypeError, ValueError):
            return False
        same = np.array_equal(self._observation, record["observation"].numpy())
        return same and self._random_state() == record["random_state_now"]

    def _random_state(self) -> str:
        return json.dumps(self.unwrapped.np_random.bit_generator.state, default=np.ndarray.tolist)


def _is_number(reward: Any) -> bool:
    """Whether `reward` is one number that replay can hold."""
    try:
        return -LARGEST <= float(reward) <= LARGEST
    except (TypeError, ValueError):
        return False
