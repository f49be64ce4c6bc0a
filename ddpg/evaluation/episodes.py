"""Episodes of every member's deterministic policy from fixed seeds."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.config.types import LONGEST_EPISODE, EnvironmentSource
from ddpg.environments.creation import make_environment
from ddpg.environments.process_state import keeps_process_state
from ddpg.environments.spaces import action_scale, observation_dim
from ddpg.environments.workers import LocalEnvironments, WorkerEnvironments
from ddpg.errors import RunWarning

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
    cut_off: NDArray[np.bool_]
    """`[member, episode]`: the episode had no end within the largest number of steps."""

    def cut_off_sentence(self, max_steps: int) -> str:
        """Return how many episodes were cut off after `max_steps`, or an empty string."""
        count = np.count_nonzero(self.cut_off)
        if not count:
            return ""
        return (
            f"{count:,} of {self.cut_off.size:,} evaluation episodes were cut off after "
            f"{max_steps:,} steps (evaluation_max_steps), so their returns are sums of these steps"
        )


class _Episode(NamedTuple):
    """Episode `number` of a member, and its place in the batch of the policies."""

    member: int
    number: int
    column: int


class EvaluationProgress(NamedTuple):
    """Progress of an evaluation, over the episodes of all members."""

    ended: int
    episodes: int
    step: int
    """Environment steps of the episodes that run now."""


class Evaluator:
    """Runner of every member's deterministic policy over the same episodes.

    The environments are reused by later evaluations. No training generator is read, so evaluating
    changes no weight. Up to 20 episodes per member run side by side, or as many as environments
    can exist at the same time.

    Args:
        env: Gymnasium id, `module:id`, or a callable.
        options: keyword arguments of the environment.
        episodes: episodes per member.
        first_seed: episode i starts from `reset(seed=first_seed + i)`.
        timeout: seconds that a step or reset may take, in which case the environments run in one
            extra process; 0: no limit, in this process.
        max_steps: steps after which an episode is cut off.
        report: called after each step of the episodes.

    Raises:
        ConfigError: the environment cannot be created, or its spaces cannot be used.
    """

    def __init__(
        self,
        env: EnvironmentSource,
        options: Mapping[str, Any],
        episodes: int,
        first_seed: int,
        timeout: float = 0.0,
        max_steps: int = LONGEST_EPISODE,
        report: Callable[[EvaluationProgress], None] | None = None,
    ):
        self._report, self._ended = report, 0
        self.episodes = episodes
        self.first_seed = first_seed
        self.max_steps = max_steps
        here = LocalEnvironments(lambda: make_environment(env, options))
        self._scale = action_scale(here.first.action_space)
        self._observation_dim = observation_dim(here.first.observation_space)
        self._count, self._is_full = 1, False
        self._environments = here
        if timeout:
            here.close()
            self._environments = WorkerEnvironments(lambda: make_environment(env, options), timeout)

    def run(
        self,
        policies: Policies,
        members: int,
        gamma: float = 1.0,
        statistics: Sequence[str] = (),
    ) -> Episodes:
        """Run all episodes.

        Args:
            policies: the policies of all members.
            members: number of members.
            gamma: discount of `Episodes.discounted`.
            statistics: statistics of each member's normalizing wrappers, if there are any.

        Raises:
            EnvironmentFaultError: an environment did something wrong.
        """
        self._ended = 0
        shape = (members, self.episodes)
        result = Episodes(
            np.zeros(shape),
            np.zeros(shape),
            np.zeros((*shape, self._observation_dim), np.float32),
            np.zeros(shape, bool),
        )
        for episodes in self._chunks(members):
            self._run_chunk(result, episodes, policies, gamma, statistics)
            self._ended += len(episodes)
        return result

    def close(self) -> None:
        """Close the environments."""
        self._environments.close()

    def _chunks(self, members: int) -> Iterator[list[_Episode]]:
        """Yield the episodes that run side by side."""
        columns = min(_PARALLEL_EPISODES, self.episodes)
        count = self._create(members * columns)
        if count == members * columns:
            for first in range(0, self.episodes, columns):
                last = min(first + columns, self.episodes)
                yield [
                    _Episode(member, number, number - first)
                    for member in range(members)
                    for number in range(first, last)
                ]
            return
        every = [divmod(index, self.episodes) for index in range(members * self.episodes)]
        for first in range(0, len(every), count):
            chunk = every[first : first + count]
            yield [_Episode(*episode, column) for column, episode in enumerate(chunk)]

    def _create(self, count: int) -> int:
        """Create up to `count` environments; return how many there are."""
        while self._count < count and not self._is_full:
            reason = self._environments.create(self._count)
            if reason:
                self._is_full = True
                warnings.warn(
                    f"evaluation episodes run {self._count} at a time, since "
                    f"{self._count + 1} environments cannot exist at the same time: {reason}",
                    RunWarning,
                    stacklevel=2,
                )
            else:
                self._count += 1
        return min(count, self._count)

    def _run_chunk(
        self,
        result: Episodes,
        episodes: list[_Episode],
        policies: Policies,
        gamma: float,
        statistics: Sequence[str],
    ) -> None:
        """Run episodes side by side, each in one environment, and write into `result`."""
        columns = 1 + max(episode.column for episode in episodes)
        observation = np.zeros((len(result.returns), columns, self._observation_dim), np.float32)
        for number, (member, episode, column) in enumerate(episodes):
            own = statistics[member] if statistics else ""
            with keeps_process_state():
                first = self._environments.reset(number, self.first_seed + episode, own)
            observation[member, column] = first.ravel()
            result.first_observation[member, episode] = observation[member, column]
        discount = 1.0
        running = dict(enumerate(episodes))
        for taken in range(1, self.max_steps + 1):
            scaled = self._scale.to_environment(policies(observation))
            with keeps_process_state():
                for number, (member, episode, column) in [*running.items()]:
                    step = self._environments.step(number, scaled[member, column])
                    observation[member, column] = step[0].ravel()
                    result.returns[member, episode] += float(step[1])
                    result.discounted[member, episode] += discount * float(step[1])
                    if step[2] or step[3]:
                        del running[number]
            discount *= gamma
            if self._report is not None:
                ended = self._ended + len(episodes) - len(running)
                self._report(EvaluationProgress(ended, result.returns.size, taken))
            if not running:
                return
        for member, episode, _ in running.values():
            result.cut_off[member, episode] = True
