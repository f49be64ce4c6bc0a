"""The deterministic policy over fixed seeds."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.environments.vector import action_scale, make
from ddpg.environments.workers import EnvironmentsHere, TimedEnvironments
from ddpg.errors import ConfigError
from ddpg.evaluation.confidence import bootstrap
from ddpg.evaluation.policy import load_actor
from ddpg.runs.folder import RunFolder

FIRST_SEED = 10_000
"""Episode i of a report starts from `reset(seed=FIRST_SEED + i)`."""
TRAINING_FIRST_SEED = 20_000
"""Evaluations while training start here, so that no choice is made on a report's episodes."""
_PARALLEL_EPISODES = 20

Policies = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""Every member's policy: `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""


class Episodes(NamedTuple):
    """What every member's policy earned in the same episodes."""

    returns: NDArray[np.float64]
    """`[member, episode]`: undiscounted."""
    discounted: NDArray[np.float64]
    """`[member, episode]`: Σ γᵗ rₜ, what Q(s₀, μ(s₀)) predicts; a time limit cuts it short."""
    first_observation: NDArray[np.float32]
    """`[member, episode, observation]`: s₀, the same for every member."""


@dataclass(frozen=True)
class MemberScore:
    """One member's returns and what they amount to."""

    seed: int
    mean: float
    iqm: float
    """Interquartile mean of the returns."""
    interval: tuple[float, float]
    """95 % stratified-bootstrap interval of the interquartile mean."""
    returns: list[float]
    """One an episode, undiscounted, in the environment's units."""


@dataclass(frozen=True)
class Evaluation:
    """What `scripts/evaluate.py` prints and writes."""

    run: str
    env: str
    step: int
    episodes: int
    first_seed: int
    mean: float
    """Mean of the members' means."""
    iqm: float
    """Interquartile mean of the members' means."""
    members: list[MemberScore]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class Evaluator:
    """Runs every member's deterministic policy over the same episodes.

    The environments are kept between evaluations. Nothing here draws from a training generator, so
    evaluating changes no weight.

    Args:
        env: Gymnasium id.
        options: keyword arguments of the environment.
        episodes: episodes of each member.
        first_seed: episode i starts from `reset(seed=first_seed + i)`.
        timeout: seconds that a step or reset may take, for which the environments run in a process
            of their own; 0: no limit, in this process.
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
        here = EnvironmentsHere(lambda: make(env, options))
        self._scale = action_scale(here.first.action_space)
        self._environments = here
        if timeout:
            here.close()
            self._environments = TimedEnvironments(lambda: make(env, options), timeout)

    def run(self, policies: Policies, members: int, gamma: float = 1.0) -> Episodes:
        """Run all episodes; `gamma` discounts `Episodes.discounted`.

        Raises:
            EnvironmentFaultError: an environment did something wrong.
        """
        parts = [
            self._chunk(
                policies, members, gamma, first, min(first + _PARALLEL_EPISODES, self.episodes)
            )
            for first in range(0, self.episodes, _PARALLEL_EPISODES)
        ]
        return Episodes(*(np.concatenate(each, axis=1) for each in zip(*parts, strict=True)))

    def close(self) -> None:
        """Free what the environments hold."""
        self._environments.close()

    def _chunk(
        self, policies: Policies, members: int, gamma: float, first: int, last: int
    ) -> Episodes:
        """The episodes from `first` up to `last`, all of them stepped side by side."""
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


def evaluate(
    run: str | Path, episodes: int = 100, first_seed: int = FIRST_SEED, env: str | None = None
) -> Evaluation:
    """Score a run's deterministic policies, from its newest checkpoint; not who was dropped.

    Args:
        run: the run's folder.
        episodes: episodes of each member.
        first_seed: episode i starts from `reset(seed=first_seed + i)`.
        env: of a run whose environment is `module:id`, that name again, since no file may import.

    Raises:
        ConfigError: there is no run, `episodes` is below 1, or the environment is to be named.
        CheckpointError: there is no checkpoint, or it cannot be read.
        EnvironmentFaultError: an environment did something wrong.
    """
    if episodes < 1:
        raise ConfigError(f"episodes is {episodes}; allowed: a whole number ≥ 1")
    if first_seed < 0:
        raise ConfigError(f"seed is {first_seed}; allowed: a whole number ≥ 0")
    folder = RunFolder(Path(run))
    config, step, actor, alive = load_actor(folder, env)

    def policies(observation: NDArray[np.float32]) -> NDArray[np.floating]:
        with torch.no_grad():
            # A dropped member's policy is NaN, which no environment need take.
            return actor(torch.from_numpy(observation)).nan_to_num().numpy()

    seconds = config.environment_timeout
    with closing(
        Evaluator(config.env, config.env_options, episodes, first_seed, seconds)
    ) as evaluator:
        returns = evaluator.run(policies, config.members).returns
    means = returns.mean(axis=1)[alive]
    return Evaluation(
        run=folder.path.resolve().name,
        env=config.env,
        step=step,
        episodes=episodes,
        first_seed=first_seed,
        mean=float(means.mean()),
        iqm=interquartile_mean(means),
        members=[score(config.seed + k, returns[k]) for k in np.flatnonzero(alive).tolist()],
    )


def score(seed: int, returns: NDArray[np.float64]) -> MemberScore:
    """What one member's `returns` `[episode]` amount to, by rliable (Agarwal et al. 2021)."""
    from rliable import metrics

    iqm, low, high = bootstrap(
        returns[:, None], lambda scores: np.array([metrics.aggregate_iqm(scores)])
    )
    interval = (float(low[0]), float(high[0]))
    return MemberScore(seed, float(returns.mean()), float(iqm[0]), interval, returns.tolist())


def interquartile_mean(values: NDArray[np.float64]) -> float:
    """Mean of the middle half of `values`, by rliable (Agarwal et al. 2021)."""
    from rliable import metrics

    return float(metrics.aggregate_iqm(values))
