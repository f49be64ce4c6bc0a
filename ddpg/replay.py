"""Replay buffer with uniform sampling."""

from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from ddpg.random_streams import Indices, Stream


class Batch(NamedTuple):
    """Transitions (s, a, r, s', terminated), each `[member, batch, dim]` in float32."""

    observation: Tensor
    action: Tensor
    """In [−1, 1], as the actor returns it."""
    reward: Tensor
    """`[member, batch, 1]`, in the environment's units."""
    next_observation: Tensor
    """The true next observation, also of the last step of an episode."""
    terminated: Tensor
    """`[member, batch, 1]`: 1 where the episode ended in a terminal state, 0 elsewhere."""

    @classmethod
    def random(
        cls,
        members: int,
        batch_size: int,
        observation_dim: int,
        action_dim: int,
        generator: Generator | None = None,
        terminated: float = 0.0,
    ) -> Self:
        """Draw transitions from normal distributions, actions through tanh.

        Args:
            members: independent agents.
            batch_size: transitions per member.
            observation_dim: width of an observation.
            action_dim: width of an action.
            generator: source of the numbers; None: PyTorch's global one.
            terminated: probability that a transition is terminal.
        """

        def normal(width: int) -> Tensor:
            return torch.randn(members, batch_size, width, generator=generator)

        return cls(
            observation=normal(observation_dim),
            action=normal(action_dim).tanh(),
            reward=normal(1),
            next_observation=normal(observation_dim),
            terminated=torch.rand(members, batch_size, 1, generator=generator)
            .lt(terminated)
            .float(),
        )


class ReplayBuffer:
    """The last `capacity` transitions of every member.

    Members step together, so they share one position. Each draws its own indices from its own
    generator. A transition is one row, so a batch is one gather.

    Args:
        stream: random indices.
        capacity: stored transitions per member.
        observation_dim: width of an observation.
        action_dim: width of an action.
        device: device of the stored transitions.
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
        self.rows = torch.empty(len(stream.generators), capacity, sum(self.widths), device=device)
        # Memory of `torch.zeros` is allocated as rows are written, and could run out hours later.
        self.rows.fill_(0)
        self._all_rows = self.rows.flatten(0, 1)
        self.added = 0
        """Transitions ever added per member; the next one goes to row `added % capacity`."""

    def __len__(self) -> int:
        """Return the number of stored transitions per member."""
        return min(self.added, self.capacity)

    def add(
        self,
        observation: NDArray[np.float32],
        action: NDArray[np.float32],
        reward: NDArray[np.floating],
        next_observation: NDArray[np.float32],
        terminated: NDArray[np.bool_] | NDArray[np.floating],
    ) -> None:
        """Store one transition per member, in place of the oldest one if the buffer is full.

        Args:
            observation: `[member, observation]`.
            action: `[member, action]`, in [−1, 1].
            reward: `[member]`.
            next_observation: `[member, observation]`.
            terminated: `[member]`; of a multi-step transition, the share of the bootstrap to cut.
        """
        row = np.concatenate(
            [observation, action, reward[:, None], next_observation, terminated[:, None]],
            axis=1,
            dtype=np.float32,
        )
        position = self.added % self.capacity
        if self.rows.is_cpu:
            # NumPy copies a row five times as fast as PyTorch.
            self.rows.numpy()[:, position] = row
        else:
            self.rows[:, position] = torch.from_numpy(row)
        self.added += 1

    def sample(self, batch_size: int) -> Batch:
        """Draw `batch_size` transitions per member, uniformly and with replacement."""
        indices = self.stream.take(Indices(self.added, self.capacity, batch_size)).ravel()
        gathered = self._all_rows.index_select(0, torch.from_numpy(indices).to(self.rows.device))
        rows = gathered.view(-1, batch_size, gathered.shape[1])
        return Batch(*rows.split_with_sizes(self.widths, dim=-1))
