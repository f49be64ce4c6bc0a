"""Multi-step returns: transitions over `n_step` environment steps, for the replay buffer.

Source of the return: Sutton and Barto 2018, section 7.1; in DDPG: Barth-Maron et al. 2018
(arXiv:1804.08617), D4PG.
"""

from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.environments.vector import Transition
from ddpg.errors import StateError
from ddpg.replay import ReplayBuffer
from ddpg.runs.state_check import TensorPattern, require_finite, require_like


class MultiStep:
    """Transitions of one step, combined to transitions of up to `length` steps.

    A transition starts at each step. Its reward is r₀ + γr₁ + … + γᵐ⁻¹rₘ₋₁, and its next
    observation is that of step m: m is `length`, or less where the episode ends earlier. It reaches
    the replay buffer `length` − 1 steps late, for all members together.

    The agent bootstraps with γ(1 − terminated). So `terminated` is 1 − γᵐ⁻¹ where the bootstrap is
    to have the factor γᵐ, and 1 after a terminal state.

    Args:
        length: steps of a transition, 1 or more.
        gamma: discount of one step.
        members: independent agents.
        observation_dim: width of an observation.
        action_dim: width of an action.
    """

    def __init__(
        self, length: int, gamma: float, members: int, observation_dim: int, action_dim: int
    ):
        self._length, self._gamma = length, gamma
        self._bounds = np.cumsum([observation_dim, action_dim, 1, observation_dim, 1])
        self._shape = (members, int(self._bounds[-1]) + 1)
        self._rows: deque[NDArray[np.float32]] = deque(maxlen=length)
        """The last steps, each `[member, observation | action | reward | next | terminated |
        ended]`."""

    def add(
        self,
        replay: ReplayBuffer,
        observation: NDArray[np.float32],
        action: NDArray[np.float32],
        step: Transition,
    ) -> None:
        """Add one step; store in `replay` the transition that it completes, if there is one.

        Args:
            replay: replay buffer of the members.
            observation: `[member, observation]`.
            action: `[member, action]`, in [−1, 1].
            step: result of the environments.
        """
        next_observation = step.next_observation
        if self._length == 1:
            replay.add(observation, action, step.reward, next_observation, step.terminated)
            return
        columns = [step.reward[:, None], next_observation, step.terminated[:, None]]
        ended = step.ended[:, None]
        row = np.concatenate([observation, action, *columns, ended], axis=1, dtype=np.float32)
        self._rows.append(row)
        if len(self._rows) == self._length:
            replay.add(*self._first_transition())

    def end_episodes(self, ended: NDArray[np.bool_]) -> None:
        """Cut the episodes of the members that are True in `ended` `[member]` after their step."""
        if self._rows:
            self._rows[-1][ended, -1] = 1

    def state_dict(self) -> torch.Tensor:
        """Return the steps whose transitions are not complete, `[step, member, width]`."""
        kept = list(self._rows)[-(self._length - 1) :] if self._length > 1 else []
        return torch.from_numpy(np.stack(kept) if kept else np.zeros((0, *self._shape), np.float32))

    def load_state_dict(self, state: torch.Tensor) -> None:
        """Load what `state_dict` returned."""
        self._rows = deque(state.numpy().copy(), maxlen=self._length)

    def require(self, state: object) -> None:
        """Check a result of `state_dict`.

        Raises:
            StateError: it is something else.
        """
        require_like(state, TensorPattern((None, *self._shape)), "multi_step")
        assert isinstance(state, torch.Tensor)
        require_finite(state.transpose(0, 1), [True] * self._shape[0], "multi_step")
        if len(state) >= self._length:
            allowed = f"fewer than n_step, {self._length}"
            raise StateError(f"multi_step: {len(state)} steps are not allowed; allowed: {allowed}")

    def _first_transition(self) -> tuple[NDArray[Any], ...]:
        """Return the transition of the oldest step, as `ReplayBuffer.add` takes it."""
        split = [np.split(row, self._bounds, axis=1) for row in self._rows]
        observation, action, _, next_observation, *_ = split[0]
        reward = np.zeros(self._shape[0])
        terminated = np.zeros(self._shape[0])
        running = np.ones(self._shape[0], bool)
        for index, (_, _, one_reward, following, terminal, ended) in enumerate(split):
            factor = self._gamma**index
            reward += np.where(running, factor * one_reward[:, 0].astype(np.float64), 0)
            next_observation = np.where(running[:, None], following, next_observation)
            terminated = np.where(running, 1 - factor * (1 - terminal[:, 0]), terminated)
            running &= ended[:, 0] == 0
        return observation, action, reward, next_observation, terminated
