"""Gymnasium environments: one per member, actions in [−1, 1], one transition per step."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from ddpg.environments import pendulum
from ddpg.environments.replayable import LARGEST, CheckedEnvironment, ReplayableEnvironment
from ddpg.environments.spaces import action_scale, observation_dim, point_pattern
from ddpg.environments.workers import ignore_interrupts, kill_workers, receive
from ddpg.errors import ConfigError, EnvironmentFaultError
from ddpg.runs.state_check import TensorPattern, require_finite, require_like

pendulum.register()


class Transition(NamedTuple):
    """One step of every member's environment."""

    next_observation: NDArray[np.float32]
    """`[member, observation]`: the true next observation, also at the end of an episode."""
    reward: NDArray[np.float64]
    """`[member]`."""
    terminated: NDArray[np.bool_]
    """`[member]`: the episode reached a terminal state."""
    ended: NDArray[np.bool_]
    """`[member]`: the episode terminated or was truncated."""


class Environments:
    """One environment per member, stepped together.

    With `AutoresetMode.SAME_STEP` an episode that ends is reset in the same step, so each step is
    one transition. `observation` is the input of the next action. An environment whose own vector
    version supports this mode and can be restored uses it; others use Gymnasium's `SyncVectorEnv`.

    Args:
        name: Gymnasium id, or `module:id`.
        members: number of environments.
        options: keyword arguments of the environment.
        timeout: time limit of a step or reset in seconds, with one process per environment;
            0: no limit, all in this process.

    Raises:
        ConfigError: the environment does not exist, or its spaces cannot be used.
    """

    def __init__(self, name: str, members: int, options: Mapping[str, Any], timeout: float = 0.0):
        self.timeout = timeout
        # Created once in this process, which gives clearer errors than a vector environment.
        make_environment(name, options).close()
        # Gymnasium declares one seed for all environments, but accepts one per environment.
        self.vector: Any = _create(name, lambda: _make_vector(name, members, options, timeout))
        self.observation_dim = observation_dim(self.vector.single_observation_space)
        self.scale = action_scale(self.vector.single_action_space)
        self.action_dim = len(self.scale.low)
        self.observation = np.zeros((members, self.observation_dim), np.float32)
        # Single environments are wrapped in CheckedEnvironment; own vector versions are not.
        self._is_unchecked = not isinstance(self.vector, SyncVectorEnv | AsyncVectorEnv)

    def reset(self, seeds: list[int]) -> None:
        """Start an episode in every environment, member k's with `seeds[k]`.

        Raises:
            EnvironmentFaultError: an environment failed.
        """
        if isinstance(self.vector, AsyncVectorEnv):
            self.vector.reset_async(seed=[*seeds])
            observation, _ = receive(self.vector, self.vector.reset_wait, self.timeout)
        else:
            observation, _ = self.vector.reset(seed=[*seeds])
        self.observation = _flatten(observation)

    def step(self, action: NDArray[np.floating]) -> Transition:
        """Take `action` `[member, action]`, in [−1, 1].

        Raises:
            EnvironmentFaultError: an environment failed.
        """
        scaled = self.scale.to_environment(action)
        if isinstance(self.vector, AsyncVectorEnv):
            self.vector.step_async(scaled)
            result = receive(self.vector, self.vector.step_wait, self.timeout)
        else:
            result = self.vector.step(scaled)
        observation, reward, terminated, truncated, info = result
        if self._is_unchecked:
            _require_storable("an observation", observation)
            _require_storable("a reward", reward[:, None])
        self.observation = next_observation = _flatten(observation)
        ended = terminated | truncated
        if np.count_nonzero(ended):
            next_observation = next_observation.copy()
            for member in np.flatnonzero(ended):
                next_observation[member] = info["final_obs"][member].ravel()
        return Transition(next_observation, reward, terminated, ended)

    def state_dict(self) -> dict[str, Any]:
        """Return the state that restores every environment in mid-episode.

        The state is the vector environment's own `state_dict`, if it has one.
        """
        own = getattr(self.vector, "state_dict", None)
        state = {"own": own()} if own else {"episodes": [*self.vector.call("record")]}
        return {**state, "observation": torch.from_numpy(self.observation.copy())}

    def load_state_dict(self, state: Mapping[str, Any], fresh_seeds: list[int]) -> list[int]:
        """Restore the environments.

        Args:
            state: result of `state_dict`.
            fresh_seeds: one seed per member, for an environment that cannot be restored exactly.

        Returns:
            Members whose environment could not be restored exactly and starts a new episode.

        Raises:
            EnvironmentFaultError: an environment failed.
            StateError: `state` is not a result of `state_dict`.
        """
        self._require_state(state)
        if ("own" in state) != hasattr(self.vector, "load_state_dict"):
            # Another environment_timeout can select another kind of vector environment.
            self.reset(fresh_seeds)
            return [*range(len(fresh_seeds))]
        self.observation = state["observation"].numpy().copy()
        if "own" in state:
            self.vector.load_state_dict(state["own"])
            return []
        records = [
            {**record, "fresh_seed": seed}
            for record, seed in zip(state["episodes"], fresh_seeds, strict=True)
        ]
        self.vector.set_attr("to_restore", records)
        restarted = []
        for member, (observation, is_restored) in enumerate(self._restore(records)):
            if not is_restored:
                self.observation[member] = np.ravel(observation)
                restarted.append(member)
        return restarted

    def close(self) -> None:
        """Close every environment."""
        if isinstance(self.vector, AsyncVectorEnv):
            kill_workers(self.vector)
        else:
            self.vector.close()

    def _restore(self, records: list[dict[str, Any]]) -> Any:
        """Call `restore` of every environment; return the results."""
        if not isinstance(self.vector, AsyncVectorEnv):
            return self.vector.call("restore")
        longest = max(len(record["actions"]) for record in records)
        self.vector.call_async("restore")
        return receive(self.vector, self.vector.call_wait, self.timeout * (1 + longest))

    def _require_state(self, state: Any) -> None:
        """Raise a StateError unless `state` has the form of a result of `state_dict`."""
        members = len(self.observation)
        has_own = isinstance(state, dict) and "own" in state
        kind = {"own": {dict}} if has_own else {"episodes": [self._record_pattern()] * members}
        observation = TensorPattern((members, self.observation_dim))
        require_like(state, {**kind, "observation": observation}, "environments")
        require_finite(state["observation"], [True] * members, "environments.observation")

    def _record_pattern(self) -> dict[str, Any]:
        """Return the pattern of a result of `ReplayableEnvironment.record`."""
        return {
            "seed": {int, type(None)},
            "random_state": {str, type(None)},
            "actions": point_pattern(self.vector.single_action_space, None),
            "observation": point_pattern(self.vector.single_observation_space),
            "random_state_now": {str},
        }


def make_environment(name: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """Create one environment, with checked spaces, that raises faults as EnvironmentFaultError.

    Raises:
        ConfigError: the environment does not exist, or its spaces cannot be used.
    """
    environment = _create(name, lambda: gymnasium.make(name, **options))
    observation_dim(environment.observation_space)
    action_scale(environment.action_space)
    return CheckedEnvironment(environment)


def _make_vector(
    name: str, members: int, options: Mapping[str, Any], timeout: float
) -> VectorEnv[Any, Any, Any]:
    mode = AutoresetMode.SAME_STEP
    if not timeout:
        creator = _restorable_vector_creator(name)
        # Options of the wrappers of single environments, such as render_mode, need SyncVectorEnv.
        if creator and {*options} <= signature(creator).parameters.keys():
            return gymnasium.make_vec(
                name, members, "vector_entry_point", autoreset_mode=mode, **options
            )
    makers = [partial(_make_replayable, name, options, member) for member in range(members)]
    return (AsyncVectorEnv if timeout else SyncVectorEnv)(makers, autoreset_mode=mode)


def _restorable_vector_creator(name: str) -> Callable[..., Any] | None:
    """Return the creator of the environment's own vector version, if that can be restored."""
    module, _, identifier = name.rpartition(":")
    if module:
        import_module(module)
    # Gymnasium completes or refuses a name that is not registered exactly so.
    spec = gymnasium.registry.get(identifier)
    if spec is None or spec.vector_entry_point is None:
        return None
    entry_point = spec.vector_entry_point
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    has_mode = "autoreset_mode" in signature(creator).parameters
    return creator if has_mode and hasattr(creator, "load_state_dict") else None


def _make_replayable(name: str, options: Mapping[str, Any], member: int) -> ReplayableEnvironment:
    ignore_interrupts()
    return ReplayableEnvironment(gymnasium.make(name, **options), member)


def _create(name: str, creator: Callable[[], Any]) -> Any:
    try:
        return creator()
    # The constructor is the user's code: any error can come out of it.
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"cannot create the environment {name!r}: {reason}") from error


def _require_storable(what: str, values: NDArray[Any]) -> None:
    """Raise an EnvironmentFaultError if replay cannot store `values` `[member, ...]`."""
    storable = np.abs(values) <= LARGEST
    if np.count_nonzero(storable) < storable.size:
        member = int(np.argwhere(~storable)[0, 0])
        value = float(values[member][~storable[member]][0])
        raise EnvironmentFaultError(f"returned {what} with {value}", member)


def _flatten(observation: NDArray[Any]) -> NDArray[np.float32]:
    return observation.reshape(len(observation), -1).astype(np.float32)
