"""Uniform experience replay."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ddpg.stream import Stream


class Batch(NamedTuple):
    """Transitions (s, a, r, s', terminated), each `[member, batch, dim]` in float32."""

    observation: Tensor
    action: Tensor
    """In [−1, 1], as the actor gives it."""
    reward: Tensor
    """`[member, batch, 1]`, in the environment's own units."""
    next_observation: Tensor
    """The true next observation, the final one of an episode included."""
    terminated: Tensor
    """`[member, batch, 1]`: 1 where the episode ended for good, 0 where it went on or was cut."""


class Indices(NamedTuple):
    """`size` rows of a replay of `added` transitions, to which each step adds one."""

    added: int
    capacity: int
    size: int

    def numbers(self, generators: Sequence[np.random.Generator], steps: int) -> list[NDArray[Any]]:
        rows = np.minimum(np.arange(self.added, self.added + steps), self.capacity)[:, None]
        firsts = [member * self.capacity for member in range(len(generators))]
        return [
            generator.integers(first, first + rows, (steps, self.size))
            for generator, first in zip(generators, firsts, strict=True)
        ]

    def later(self, steps: int, /) -> "Indices":
        return Indices(self.added + steps, self.capacity, self.size)


class ReplayBuffer:
    """The last `capacity` transitions of every member.

    The members step together, so they share one position; each draws its own indices from its own
    stream. A transition is one row, so a batch is one gather.

    Args:
        stream: where the indices come from.
        capacity: transitions kept a member.
        observation_dim: width of an observation.
        action_dim: width of an action.
        device: where the transitions are kept.
    """

    def __init__(
        self,
        stream: Stream,
        capacity: int,
        observation_dim: int,
        action_dim: int,
        device: torch.device,
    ):
        self.stream = stream
        self.capacity = capacity
        self.widths = [observation_dim, action_dim, 1, observation_dim, 1]
        # Filled, not `zeros`, which takes its memory only as the rows are written: a buffer that
        # does not fit has to fail now, not in the night.
        self.rows = torch.empty(len(stream.generators), capacity, sum(self.widths), device=device)
        self.rows.fill_(0)
        self._all_rows = self.rows.flatten(0, 1)
        self.added = 0
        """Transitions ever added, a member; the next goes to row `added % capacity`."""

    def __len__(self) -> int:
        """Transitions that a member can draw from."""
        return min(self.added, self.capacity)

    def add(
        self,
        observation: NDArray[np.float32],
        action: NDArray[np.float32],
        reward: NDArray[np.floating],
        next_observation: NDArray[np.float32],
        terminated: NDArray[np.bool_],
    ) -> None:
        """Add one transition a member, over the oldest one if the buffer is full.

        Args:
            observation: `[member, observation]`.
            action: `[member, action]`, in [−1, 1].
            reward: `[member]`.
            next_observation: `[member, observation]`.
            terminated: `[member]`.
        """
        row = np.concatenate(
            [observation, action, reward[:, None], next_observation, terminated[:, None]],
            axis=1,
            dtype=np.float32,
        )
        position = self.added % self.capacity
        if self.rows.is_cpu:
            # A fifth of the time of a copy by PyTorch.
            self.rows.numpy()[:, position] = row
        else:
            self.rows[:, position] = torch.from_numpy(row)
        self.added += 1

    def sample(self, batch_size: int) -> Batch:
        """Draw `batch_size` transitions a member, uniformly and with replacement."""
        indices = self.stream.take(Indices(self.added, self.capacity, batch_size)).ravel()
        gathered = self._all_rows.index_select(0, torch.from_numpy(indices).to(self.rows.device))
        rows = gathered.view(-1, batch_size, gathered.shape[1])
        observation, action, reward, next_observation, terminated = rows.split_with_sizes(
            self.widths, dim=-1
        )
        return Batch(observation, action, reward, next_observation, terminated)
