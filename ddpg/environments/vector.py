"""Gymnasium environments: one per member, actions in [−1, 1], one transition per step."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from ddpg.config.types import EnvironmentSource
from ddpg.environments.checked import LARGEST, description
from ddpg.environments.creation import (
    create,
    make_environment,
    make_restorable_vector,
    make_unchecked,
)
from ddpg.environments.pendulum import PendulumVectorEnv
from ddpg.environments.process_state import keeps_process_state
from ddpg.environments.replayable import ReplayableEnvironment, complete_record
from ddpg.environments.spaces import Spaces, action_scale, observation_dim, point_pattern
from ddpg.environments.statistics import wrapper_advice
from ddpg.environments.workers import begin_worker, call_workers, kill_workers, start_method
from ddpg.errors import EnvironmentFaultError
from ddpg.runs.state_check import TensorPattern, require_finite, require_like


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
    info: NDArray[np.float64]
    """`[member, name]`: the logged values of `info`; NaN where there is none."""


class Environments:
    """One environment per member, stepped together.

    With `AutoresetMode.SAME_STEP` an episode that ends is reset in the same step, so each step is
    one transition. `observation` is the input of the next action. An environment whose own vector
    version supports this mode and can be restored uses it; others use Gymnasium's `SyncVectorEnv`.

    Args:
        env: Gymnasium id, `module:id`, or a callable.
        members: number of environments.
        options: keyword arguments of the environment.
        timeout: time limit of a step or reset in seconds, with one process per environment;
            0: no limit, all in this process.
        log_info: names in `info` whose numbers `Transition.info` has.

    Raises:
        ConfigError: the environment does not exist, or its spaces cannot be used.
    """

    def __init__(
        self,
        env: EnvironmentSource,
        members: int,
        options: Mapping[str, Any],
        timeout: float = 0.0,
        log_info: Sequence[str] = (),
    ):
        self.timeout, self.log_info = timeout, log_info
        self._no_info = np.zeros((members, 0))
        # Created once in this process, which gives clearer errors than a vector environment.
        with closing(make_environment(env, options)) as environment:
            self.wrapper_advice = wrapper_advice(environment)
            """A sentence per wrapper that normalizes with statistics of its own."""
        # Gymnasium declares one seed for all environments, but accepts one per environment.
        self.vector: Any = _make_vector(env, members, options, timeout, log_info)
        observation, action = self.vector.single_observation_space, self.vector.single_action_space
        self.observation_dim = observation_dim(observation)
        self.scale = action_scale(action)
        self.spaces = Spaces.of(observation, action)
        self.action_dim = len(self.scale.low)
        self.observation = np.zeros((members, self.observation_dim), np.float32)
        # Single environments are wrapped in CheckedEnvironment; own vector versions are not.
        self._is_unchecked = not isinstance(self.vector, SyncVectorEnv | AsyncVectorEnv)
        # Pendulum's vector version is this package's own, and changes no state of the process.
        is_pendulum = isinstance(self.vector, PendulumVectorEnv)
        self._kept_state = nullcontext if is_pendulum else keeps_process_state

    def reset(self, seeds: list[int]) -> None:
        """Start an episode in every environment, member k's with `seeds[k]`.

        Raises:
            EnvironmentFaultError: an environment failed.
        """
        self.observation = _flatten(self._call("reset", self.timeout, seed=[*seeds])[0])

    def step(self, action: NDArray[np.floating]) -> Transition:
        """Take `action` `[member, action]`, in [−1, 1].

        Raises:
            EnvironmentFaultError: an environment failed.
        """
        scaled = self.scale.to_environment(action)
        observation, reward, terminated, truncated, info = self._call("step", self.timeout, scaled)
        if self._is_unchecked:
            _require_storable("an observation", observation)
            _require_storable("a reward", reward[:, None])
        self.observation = next_observation = _flatten(observation)
        ended = terminated | truncated
        if np.count_nonzero(ended):
            next_observation = next_observation.copy()
            for member in np.flatnonzero(ended):
                next_observation[member] = info["final_obs"][member].ravel()
        return Transition(next_observation, reward, terminated, ended, self._info(info, ended))

    def _info(self, info: Mapping[str, Any], ended: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the logged values of a step, `[member, name]`."""
        if not self.log_info:
            return self._no_info
        values = np.full((len(ended), len(self.log_info)), np.nan)
        for column, name in enumerate(self.log_info):
            # After the end of an episode, `info` is that of the reset.
            for source, members in ((info, ~ended), (info.get("final_info", {}), ended)):
                if name in source:
                    has_value = members & source.get(f"_{name}", True)
                    try:
                        values[has_value, column] = np.asarray(source[name])[has_value]
                    # The environment's own vector version is the user's code.
                    except (IndexError, TypeError, ValueError) as error:
                        raise EnvironmentFaultError(
                            f"returned info {name!r} that is not a number per environment"
                        ) from error
        return values

    def statistics(self) -> list[str]:
        """Return the statistics of each member's normalizing wrappers, or an empty list."""
        if not isinstance(self.vector, SyncVectorEnv | AsyncVectorEnv):
            return []
        return [*self._call("call", self.timeout, "statistics")]

    def state_dict(self) -> dict[str, Any]:
        """Return the state that restores every environment in mid-episode.

        The state is the vector environment's own `state_dict`, if it has one.
        """
        own = getattr(self.vector, "state_dict", None)
        state = (
            {"own": own()} if own else {"episodes": [*self._call("call", self.timeout, "record")]}
        )
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
        if isinstance(state.get("episodes"), list):
            state = {**state, "episodes": [complete_record(each) for each in state["episodes"]]}
        self.require(state)
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
        longest = max(len(record["actions"]) for record in records)
        restored = self._call("call", self.timeout * (1 + longest), "restore")
        for member, (observation, is_restored) in enumerate(restored):
            if not is_restored:
                self.observation[member] = np.ravel(observation)
                restarted.append(member)
        return restarted

    def close(self) -> None:
        """Close every environment."""
        if isinstance(self.vector, AsyncVectorEnv):
            kill_workers(self.vector)
        else:
            with self._kept_state():
                self.vector.close()

    def _call(self, method: str, timeout: float, *arguments: Any, **options: Any) -> Any:
        """Return the result of a method of the vector environment.

        Raises:
            EnvironmentFaultError: an environment failed, or a worker needed more than `timeout`.
        """
        if isinstance(self.vector, AsyncVectorEnv):
            return call_workers(self.vector, method, timeout, *arguments, **options)
        try:
            with self._kept_state():
                return getattr(self.vector, method)(*arguments, **options)
        except (EnvironmentFaultError, KeyboardInterrupt):
            raise
        # The environment's own vector version is the user's code.
        except BaseException as error:
            raise EnvironmentFaultError(f"raised {description(error)}") from error

    def require(self, state: Any) -> None:
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
            "statistics": {str},
            "actions": point_pattern(self.vector.single_action_space, None),
            "rewards": TensorPattern((None,), torch.float64),
            "observation": point_pattern(self.vector.single_observation_space),
            "random_state_now": {str},
            "statistics_now": {str},
        }


def _make_vector(
    env: EnvironmentSource,
    members: int,
    options: Mapping[str, Any],
    timeout: float,
    log_info: Sequence[str],
) -> VectorEnv[Any, Any, Any]:
    own = None if timeout else make_restorable_vector(env, members, options)
    if own is not None:
        return own
    creator = os.getpid()
    make = partial(_make_replayable, env, options, creator, log_info)
    makers = [partial(make, member) for member in range(members)]
    mode = AutoresetMode.SAME_STEP
    if timeout:
        return create(
            env, lambda: AsyncVectorEnv(makers, context=start_method(), autoreset_mode=mode)
        )
    return create(env, lambda: SyncVectorEnv(makers, autoreset_mode=mode))


def _make_replayable(
    env: EnvironmentSource,
    options: Mapping[str, Any],
    creator: int,
    log_info: Sequence[str],
    member: int,
) -> ReplayableEnvironment:
    begin_worker(creator)
    return ReplayableEnvironment(make_unchecked(env, options), member, log_info)


def _require_storable(what: str, values: NDArray[Any]) -> None:
    """Raise an EnvironmentFaultError if replay cannot store `values` `[member, ...]`."""
    storable = np.abs(values) <= LARGEST
    if np.count_nonzero(storable) < storable.size:
        member = int(np.argwhere(~storable)[0, 0])
        value = float(values[member][~storable[member]][0])
        raise EnvironmentFaultError(f"returned {what} with {value}", member)


def _flatten(observation: NDArray[Any]) -> NDArray[np.float32]:
    return observation.reshape(len(observation), -1).astype(np.float32)
