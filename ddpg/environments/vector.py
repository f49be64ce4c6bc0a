"""Gymnasium environments: one a member, actions in [−1, 1], a step is one transition."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium.envs.registration import load_env_creator
from gymnasium.spaces import Box
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from ddpg.environments import pendulum
from ddpg.environments.replayable import LARGEST, EpisodeRecord, Guarded
from ddpg.environments.workers import answer, end, ignore_interrupts
from ddpg.errors import ConfigError, EnvironmentFaultError
from ddpg.runs.state_check import TensorPattern, require_finite, require_like

pendulum.register()


class ActionScale:
    """The affine map from the actor's [−1, 1] to the action space's own bounds, and its inverse.

    Args:
        space: bounded on both sides; the bounds may differ by dimension and be asymmetric.

    Raises:
        ConfigError: a bound is infinite, or a dimension has no width.
    """

    def __init__(self, space: Box):
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise ConfigError(
                f"env has the action space {space}, with an infinite bound; allowed: finite "
                "bounds, since tanh is scaled to them (gymnasium.wrappers.RescaleAction sets some)"
            )
        if not (low < high).all():
            raise ConfigError(
                f"env has the action space {space}, with low not below high; allowed: low < high"
            )
        self.low, self.high = low, high
        self.center, self.half_range = (high + low) / 2, (high - low) / 2
        self.dtype = space.dtype

    def to_environment(self, action: NDArray[np.floating]) -> NDArray[Any]:
        """`[..., action]` in [−1, 1] -> `[..., action]` in the space's bounds and dtype."""
        scaled = self.center + self.half_range * action
        # Rounding must not carry an action over the bounds that the space checks.
        return np.minimum(np.maximum(scaled, self.low), self.high).astype(self.dtype)


class Transition(NamedTuple):
    """One step of every member's environment."""

    next_observation: NDArray[np.float32]
    """`[member, observation]`: the true next observation, the final one of an episode included."""
    reward: NDArray[np.float64]
    """`[member]`."""
    terminated: NDArray[np.bool_]
    """`[member]`: the episode ended for good."""
    ended: NDArray[np.bool_]
    """`[member]`: terminated, or cut by a time limit."""


class Environments:
    """One environment a member, stepped together.

    With `AutoresetMode.SAME_STEP` an episode that ends begins anew in the same step, so that each
    step is one transition. `observation` is what the actors see next. An environment with a vector
    entry point that has this mode is stepped by it, any other one by Gymnasium's `SyncVectorEnv`.

    Args:
        name: Gymnasium id, or `module:id`.
        members: how many.
        options: keyword arguments of the environment.
        timeout: seconds that a step or reset may take, for which every environment runs in a
            process of its own; 0: no limit, all in this process.

    Raises:
        ConfigError: the environment does not exist, or its spaces cannot be used.
    """

    def __init__(self, name: str, members: int, options: Mapping[str, Any], timeout: float = 0.0):
        self.timeout = timeout
        # Asked for once in this process, so that what cannot be used is told in one sentence.
        make(name, options).close()
        # Gymnasium declares one seed for all; its vector environments take one a member as well.
        self.vector: Any = _made(name, lambda: _make_vector(name, members, options, timeout))
        self.observation_dim = observation_dim(self.vector.single_observation_space)
        self.scale = action_scale(self.vector.single_action_space)
        self.action_dim = len(self.scale.low)
        self.observation = np.zeros((members, self.observation_dim), np.float32)
        # Single environments are guarded one by one, and a vector environment of its own by none.
        self._is_unguarded = not isinstance(self.vector, SyncVectorEnv | AsyncVectorEnv)

    def reset(self, seeds: list[int]) -> None:
        """Begin an episode in every environment, member k's with `seeds[k]`.

        Raises:
            EnvironmentFaultError: an environment did something wrong.
        """
        if isinstance(self.vector, AsyncVectorEnv):
            self.vector.reset_async(seed=[*seeds])
            observation, _ = answer(self.vector, self.vector.reset_wait, self.timeout)
        else:
            observation, _ = self.vector.reset(seed=[*seeds])
        self.observation = _flat(observation)

    def step(self, action: NDArray[np.floating]) -> Transition:
        """Take `action` `[member, action]`, in [−1, 1].

        Raises:
            EnvironmentFaultError: an environment did something wrong.
        """
        scaled = self.scale.to_environment(action)
        if isinstance(self.vector, AsyncVectorEnv):
            self.vector.step_async(scaled)
            result = answer(self.vector, self.vector.step_wait, self.timeout)
        else:
            result = self.vector.step(scaled)
        observation, reward, terminated, truncated, info = result
        if self._is_unguarded:
            self._check("an observation", observation)
            self._check("a reward", reward[:, None])
        self.observation = next_observation = _flat(observation)
        ended = terminated | truncated
        if np.count_nonzero(ended):
            next_observation = next_observation.copy()
            for member in np.flatnonzero(ended):
                next_observation[member] = info["final_obs"][member].ravel()
        return Transition(next_observation, reward, terminated, ended)

    def state_dict(self) -> dict[str, Any]:
        """What brings every environment back in the middle of its episode.

        A vector environment that has a `state_dict` of its own is asked for it.
        """
        own = getattr(self.vector, "state_dict", None)
        state = {"own": own()} if own else {"episodes": [*self.vector.call("record")]}
        return {**state, "observation": torch.from_numpy(self.observation.copy())}

    def load_state_dict(self, state: Mapping[str, Any], fresh_seeds: list[int]) -> list[int]:
        """Take up what `state_dict` returned.

        Args:
            state: what it returned.
            fresh_seeds: one a member, for an environment that does not come back equal.

        Returns:
            The members whose environment did not come back equal, and begins a new episode.

        Raises:
            EnvironmentFaultError: an environment did something wrong.
            StateError: `state` is not what it returned.
        """
        self._require_state(state)
        if ("own" in state) != hasattr(self.vector, "load_state_dict"):
            # With another environment_timeout, another kind of vector environment is used.
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
        if isinstance(self.vector, AsyncVectorEnv):
            longest = max(len(record["actions"]) for record in records)
            self.vector.call_async("restore")
            answers = answer(self.vector, self.vector.call_wait, self.timeout * (1 + longest))
        else:
            answers = self.vector.call("restore")
        anew = [member for member, (_, came_back) in enumerate(answers) if not came_back]
        for member in anew:
            self.observation[member] = np.ravel(answers[member][0])
        return anew

    def _require_state(self, state: Any) -> None:
        """Raise a StateError unless `state` is what these environments, or others, returned."""
        members = len(self.observation)
        observation = TensorPattern((members, self.observation_dim))
        own = isinstance(state, dict) and "own" in state
        kind = {"own": {dict}} if own else {"episodes": [self._record_pattern()] * members}
        require_like(state, {**kind, "observation": observation}, "environments")
        require_finite(state["observation"], [True] * members, "environments.observation")

    def _record_pattern(self) -> dict[str, Any]:
        """What `EpisodeRecord.record` returns."""
        return {
            "seed": {int, type(None)},
            "random_state": {str, type(None)},
            "actions": _like(self.vector.single_action_space, None),
            "observation": _like(self.vector.single_observation_space),
            "random_state_now": {str},
        }

    def close(self) -> None:
        """Free what the environments hold."""
        if isinstance(self.vector, AsyncVectorEnv):
            end(self.vector)
        else:
            self.vector.close()

    def _check(self, what: str, values: NDArray[Any]) -> None:
        """Refuse what replay cannot hold in `values` `[member, ...]`."""
        storable = np.abs(values) <= LARGEST
        if np.count_nonzero(storable) < storable.size:
            member = int(np.argwhere(~storable)[0, 0])
            broken = float(values[member][~storable[member]][0])
            raise EnvironmentFaultError(f"gave {what} that holds {broken}", member)


def make(name: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """One environment, its spaces checked; what it does wrong is an `EnvironmentFaultError`.

    Raises:
        ConfigError: it does not exist, or its spaces cannot be used.
    """
    environment = _made(name, lambda: gymnasium.make(name, **options))
    observation_dim(environment.observation_space)
    action_scale(environment.action_space)
    return Guarded(environment)


def observation_dim(space: gymnasium.Space[Any]) -> int:
    """Width of a flattened observation.

    Raises:
        ConfigError: the space is not a Box.
    """
    if not isinstance(space, Box):
        raise ConfigError(
            f"env has the observation space {space}; allowed: Box "
            "(gymnasium.wrappers.FlattenObservation makes one of Dict and Tuple)"
        )
    return int(np.prod(space.shape))


def action_scale(space: gymnasium.Space[Any]) -> ActionScale:
    """The scale of an action space.

    Raises:
        ConfigError: the space is not a one-dimensional Box of floats with finite bounds.
    """
    if not (isinstance(space, Box) and len(space.shape) == 1 and space.dtype.kind == "f"):
        raise ConfigError(
            f"env has the action space {space}; allowed: a one-dimensional Box of floats, since "
            "DDPG is for continuous actions"
        )
    return ActionScale(space)


def _make_vector(
    name: str, members: int, options: Mapping[str, Any], timeout: float
) -> VectorEnv[Any, Any, Any]:
    mode = AutoresetMode.SAME_STEP
    if not timeout:
        creator = _vector_entry_point(name)
        # Options of the wrappers of single environments, such as render_mode, stay with those.
        if creator and {*options} <= signature(creator).parameters.keys():
            return gymnasium.make_vec(
                name, members, "vector_entry_point", autoreset_mode=mode, **options
            )
    makers = [partial(_recorded, name, options, member) for member in range(members)]
    return (AsyncVectorEnv if timeout else SyncVectorEnv)(makers, autoreset_mode=mode)


def _vector_entry_point(name: str) -> Callable[..., Any] | None:
    """The environment's own vector version, if it can be brought back in mid-episode."""
    module, _, identifier = name.rpartition(":")
    if module:
        import_module(module)
    # What is not registered under this very name, Gymnasium completes or refuses.
    spec = gymnasium.registry.get(identifier)
    if spec is None or spec.vector_entry_point is None:
        return None
    entry_point = spec.vector_entry_point
    creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
    able = hasattr(creator, "load_state_dict") and "autoreset_mode" in signature(creator).parameters
    return creator if able else None


def _like(space: Any, *sizes: int | None) -> TensorPattern:
    """TensorPattern of points of a Box, of `sizes` before the point's own."""
    dtype = torch.from_numpy(np.empty(0, space.dtype)).dtype
    return TensorPattern((*sizes, *space.shape), dtype)


def _recorded(name: str, options: Mapping[str, Any], member: int) -> EpisodeRecord:
    ignore_interrupts()
    return EpisodeRecord(gymnasium.make(name, **options), member)


def _made(name: str, maker: Callable[[], Any]) -> Any:
    try:
        return maker()
    # The constructor is the environment's own code: any error can come out of it.
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"env is {name!r}, which Gymnasium cannot make: {reason}") from error


def _flat(observation: NDArray[Any]) -> NDArray[np.float32]:
    return observation.reshape(len(observation), -1).astype(np.float32)
