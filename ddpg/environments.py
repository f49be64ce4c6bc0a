"""Gymnasium environments: one a member, actions in [−1, 1], a step is one transition."""

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.envs.registration import load_env_creator
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from ddpg import pendulum
from ddpg.config import ConfigError

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
        return np.asarray(np.clip(scaled, self.low, self.high), self.dtype)


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

    Raises:
        ConfigError: the environment does not exist, or its spaces cannot be used.
    """

    def __init__(self, name: str, members: int, options: Mapping[str, Any]):
        # Gymnasium declares one seed for all; its vector environments take one a member as well.
        self.vector: Any = _made(name, lambda: _make_vector(name, members, options))
        self.observation_dim = observation_dim(self.vector.single_observation_space)
        self.scale = action_scale(self.vector.single_action_space)
        self.action_dim = len(self.scale.low)
        self.observation = np.zeros((members, self.observation_dim), np.float32)

    def reset(self, seeds: list[int]) -> None:
        """Begin an episode in every environment, member k's with `seeds[k]`."""
        observation, _ = self.vector.reset(seed=[*seeds])
        self.observation = _flat(observation)

    def step(self, action: NDArray[np.floating]) -> Transition:
        """Take `action` `[member, action]`, in [−1, 1]."""
        observation, reward, terminated, truncated, info = self.vector.step(
            self.scale.to_environment(action)
        )
        self.observation = next_observation = _flat(observation)
        ended = terminated | truncated
        if ended.any():
            next_observation = next_observation.copy()
            for member in np.flatnonzero(ended):
                next_observation[member] = info["final_obs"][member].ravel()
        return Transition(next_observation, reward, terminated, ended)

    def close(self) -> None:
        """Free what the environments hold."""
        self.vector.close()


def make(name: str, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """One environment, its spaces checked.

    Raises:
        ConfigError: it does not exist, or its spaces cannot be used.
    """
    environment = _made(name, lambda: gymnasium.make(name, **options))
    observation_dim(environment.observation_space)
    action_scale(environment.action_space)
    return environment


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


def _make_vector(name: str, members: int, options: Mapping[str, Any]) -> VectorEnv:
    mode: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}
    module, _, identifier = name.rpartition(":")
    if module:
        import_module(module)
    # What is not registered under this very name, `make_vec` completes or refuses.
    spec = gymnasium.registry.get(identifier)
    if spec and spec.vector_entry_point:
        entry_point = spec.vector_entry_point
        creator = load_env_creator(entry_point) if isinstance(entry_point, str) else entry_point
        # Options of the wrappers of single environments, such as render_mode, stay with those.
        if {*mode, *options} <= signature(creator).parameters.keys():
            return gymnasium.make_vec(name, members, "vector_entry_point", **mode, **options)
    return gymnasium.make_vec(name, members, "sync", vector_kwargs=mode, **options)


def _made(name: str, maker: Callable[[], Any]) -> Any:
    try:
        return maker()
    # The constructor is the environment's own code: any error can come out of it.
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigError(f"env is {name!r}, which Gymnasium cannot make: {reason}") from error


def _flat(observation: NDArray[Any]) -> NDArray[np.float32]:
    return observation.reshape(len(observation), -1).astype(np.float32)
