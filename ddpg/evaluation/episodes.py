"""Episodes of every member's deterministic policy from fixed seeds."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.environments.spaces import action_scale
from ddpg.environments.vector import make_environment
from ddpg.environments.workers import LocalEnvironments, WorkerEnvironments

TRAINING_FIRST_SEED = 20_000
"""First seed of evaluations in training; the scores of a finished run have other episodes."""
_PARALLEL_EPISODES = 20

Policies = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""All policies: `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""


class Episodes(NamedTuple):
    """Returns of every member's policy in the same episodes."""

    returns: NDArray[np.float64]
    """`[member, episode]`: undiscounted."""
    discounted: NDArray[np.float64]
    """`[member, episode]`: Σ γᵗ rₜ, which Q(s₀, μ(s₀)) predicts; a time limit truncates it."""
    first_observation: NDArray[np.float32]
    """`[member, episode, observation]`: s₀, the same for every member."""


class Evaluator:
    """Runner of every member's deterministic policy over the same episodes.

    The environments are reused by later evaluations. No training generator is read, so evaluating
    changes no weight.

    Args:
        env: Gymnasium id.
        options: keyword arguments of the environment.
        episodes: episodes per member.
        first_seed: episode i starts from `reset(seed=first_seed + i)`.
        timeout: seconds that a step or reset may take, in which case the environments run in one
            extra process; 0: no limit, in this process.
    """

    def __init__(
        self,
        env: str,
        options: Mapping[str, Any],
        episodes: int,
        first_seed: int,
        timeout: float = 0.0,
    ):
        self.episodes = episodes
        self.first_seed = first_seed
        here = LocalEnvironments(lambda: make_environment(env, options))
        self._scale = action_scale(here.first.action_space)
        self._environments = here
        if timeout:
            here.close()
            self._environments = WorkerEnvironments(lambda: make_environment(env, options), timeout)

    def run(self, policies: Policies, members: int, gamma: float = 1.0) -> Episodes:
        """Run all episodes; `gamma` discounts `Episodes.discounted`.

        Raises:
            EnvironmentFaultError: an environment did something wrong.
        """
        chunks = [
            self._run_chunk(
                policies, members, gamma, first, min(first + _PARALLEL_EPISODES, self.episodes)
            )
            for first in range(0, self.episodes, _PARALLEL_EPISODES)
        ]
        return Episodes(*(np.concatenate(each, axis=1) for each in zip(*chunks, strict=True)))

    def close(self) -> None:
        """Close the environments."""
        self._environments.close()

    def _run_chunk(
        self, policies: Policies, members: int, gamma: float, first: int, last: int
    ) -> Episodes:
        """Run the episodes `first` to `last - 1`, stepped together."""
        episodes = last - first
        observation = np.stack(
            [
                self._environments.reset(i, self.first_seed + first + i % episodes).ravel()
                for i in range(members * episodes)
            ]
        ).astype(np.float32)
        first_observation = observation.reshape(members, episodes, -1).copy()
        returns, discounted = np.zeros(members * episodes), np.zeros(members * episodes)
        discount = 1.0
        running = np.ones(members * episodes, bool)
        while running.any():
            action = policies(observation.reshape(members, episodes, -1))
            scaled = self._scale.to_environment(action).reshape(members * episodes, -1)
            for i in np.flatnonzero(running).tolist():
                step = self._environments.step(i, scaled[i])
                observation[i] = step[0].ravel()
                returns[i] += float(step[1])
                discounted[i] += discount * float(step[1])
                running[i] = not (step[2] or step[3])
            discount *= gamma
        shape = (members, episodes)
        return Episodes(returns.reshape(shape), discounted.reshape(shape), first_observation)
