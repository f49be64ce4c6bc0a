"""Environment wrapper that restores a state in mid-episode."""

import json
import math
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box

from ddpg.environments.checked import CheckedEnvironment
from ddpg.environments.statistics import load_statistics, read_statistics
from ddpg.errors import EnvironmentFaultError

LONGEST_RECORD = 100_000
"""Steps of an episode that are recorded; a longer one is not restored."""
_BLOCK = 256
"""Steps in the first buffer; a longer episode doubles it."""


def complete_record(record: Any) -> Any:
    """Add the fields that the records of older checkpoints lack. NaN rewards are not compared."""
    if not isinstance(record, dict) or not torch.is_tensor(record.get("actions")):
        return record
    steps = record["actions"].shape[:1]
    rewards = torch.full(steps, math.nan, dtype=torch.float64)
    return {"statistics": "[]", "statistics_now": "[]", "rewards": rewards, **record}


class ReplayableEnvironment(CheckedEnvironment):
    """Wrapper that records the current episode and can restore it by the same actions.

    Gymnasium has no way to read the state of an environment. But environments draw from `np_random`
    and change by their actions, so the same random state and actions lead to the same state. The
    statistics of Gymnasium's normalizing wrappers are recorded too. Rewards, flags and the last
    observation show whether an environment has any other state.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        member: int | None = None,
        log_info: Sequence[str] = (),
    ):
        super().__init__(env, member, log_info)
        self._start: dict[str, Any] = {}
        assert isinstance(env.action_space, Box)
        self._actions = np.zeros((_BLOCK, *env.action_space.shape), env.action_space.dtype)
        self._rewards = np.zeros(_BLOCK)
        self._length = 0
        self._last_observation: Any = None
        self.to_restore: dict[str, Any] = {}
        """Record that `restore` replays. A vector environment can set one attribute per
        environment, but passes the same arguments to all."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self._start = {
            "seed": seed,
            "random_state": self._random_state() if seed is None else None,
            "statistics": read_statistics(self.env),
        }
        self._length = 0
        self._last_observation, info = super().reset(seed=seed, options=options)
        return self._last_observation, info

    def step(self, action: Any) -> Any:
        number = self._length
        self._length += 1
        if number == len(self._actions) and number < LONGEST_RECORD:
            self._actions = np.concatenate([self._actions, np.zeros_like(self._actions)])
            self._rewards = np.concatenate([self._rewards, np.zeros_like(self._rewards)])
        is_recorded = number < min(LONGEST_RECORD, len(self._actions))
        if is_recorded:
            # Copied before the step, which may change the array.
            self._actions[number] = action
        result = super().step(action)
        if is_recorded:
            self._rewards[number] = result[1]
        self._last_observation = result[0]
        return result

    def record(self) -> dict[str, Any]:
        """Return the record of the episode for `restore`: plain values and tensors."""
        is_complete = self._length <= LONGEST_RECORD
        length = self._length if is_complete else 0
        return {
            **self._start,
            "actions": torch.from_numpy(self._actions[:length].copy()),
            "rewards": torch.from_numpy(self._rewards[:length].copy()),
            "observation": torch.from_numpy(np.array(self._last_observation)),
            # No state is equal to an empty text, so an incomplete record is not restored.
            "random_state_now": self._random_state() if is_complete else "",
            "statistics_now": self.statistics(),
        }

    def statistics(self) -> str:
        """Return the statistics of the normalizing wrappers, as JSON."""
        return read_statistics(self.env)

    def restore(self) -> tuple[Any, bool]:
        """Replay the episode recorded in `to_restore`.

        Returns:
            The observation to act on, and whether the restored state is equal. If not, a new
            episode has started from `to_restore["fresh_seed"]`.
        """
        record = self.to_restore
        is_restored = self._replay(record)
        if not is_restored:
            load_statistics(self.env, record["statistics_now"])
            self.reset(seed=record["fresh_seed"])
        return self._last_observation, is_restored

    def _replay(self, record: dict[str, Any]) -> bool:
        if not record["random_state_now"]:
            return False
        try:
            if record["random_state"] is not None:
                self._set_random_state(json.loads(record["random_state"]))
            load_statistics(self.env, record["statistics"])
            self.reset(seed=record["seed"])
            rewards = record["rewards"].numpy()
            for action, reward in zip(record["actions"].numpy(), rewards, strict=True):
                # Copied, since the environment may change the array.
                _, actual, terminated, truncated, _ = self.step(action.copy())
                if terminated or truncated or not (actual == reward or math.isnan(reward)):
                    return False
        # An environment that differs this time may fail, and so may an invalid random state.
        except (
            *(AttributeError, EnvironmentFaultError, LookupError),
            *(OverflowError, TypeError, ValueError),
        ):
            return False
        return (
            np.array_equal(self._last_observation, record["observation"].numpy())
            and self._random_state() == record["random_state_now"]
            and self.statistics() == record["statistics_now"]
        )

    def _random_state(self) -> str:
        """Return the state of `np_random`: a Generator, or a RandomState as in gym."""
        generator = self.unwrapped.np_random
        if isinstance(generator, np.random.RandomState):
            state = generator.get_state(legacy=False)
        elif isinstance(generator, np.random.Generator):
            state = generator.bit_generator.state
        else:
            # Unknown, so that `restore` relies on rewards, flags and observation.
            state = None
        return json.dumps(state, default=np.ndarray.tolist)

    def _set_random_state(self, state: Any) -> None:
        generator = self.unwrapped.np_random
        if isinstance(generator, np.random.RandomState):
            generator.set_state(state)
        elif isinstance(generator, np.random.Generator):
            generator.bit_generator.state = state
