"""Small networks and batches for the cases, identical at every call."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

STATE, ACTION, CHOICES = 3, 2, 4  # size of a state, size of an action, count of discrete actions


def mlp(*sizes: int, seed: int = 0, output: nn.Module | None = None) -> nn.Sequential:
    """Build a perceptron: linear layers of `sizes` with Tanh between them, then `output`.

    Tanh has no dead units, so a gradient is exactly zero only where a case causes it.
    """
    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    layers = layers[:-1] if output is None else [*layers[:-1], output]
    return nn.Sequential(*layers)


def actor_network(seed: int = 1) -> nn.Sequential:
    """Build a network from `[batch, STATE]` to actions `[batch, ACTION]` in [-1, 1]."""
    return mlp(STATE, 8, ACTION, seed=seed, output=nn.Tanh())


def q_network(seed: int = 2) -> nn.Sequential:
    """Build a network from `[batch, STATE]` to values `[batch, CHOICES]` of discrete actions."""
    return mlp(STATE, 8, CHOICES, seed=seed)


def value_network(seed: int = 3) -> nn.Sequential:
    """Build a network from `[batch, STATE]` to state values `[batch, 1]`."""
    return mlp(STATE, 8, 1, seed=seed)


class Critic(nn.Module):
    """Network from `[batch, STATE]` and `[batch, ACTION]` to action values `[batch, 1]`."""

    def __init__(self, seed: int = 2) -> None:
        super().__init__()
        self.network = mlp(STATE + ACTION, 8, 1, seed=seed)

    def forward(self, states: Tensor, actions: Tensor) -> Tensor:
        return self.network(torch.cat([states, actions], dim=-1))


@dataclass(frozen=True)
class Batch:
    """Transitions.

    Shapes: states and next states `[batch, STATE]`, actions `[batch, ACTION]`, rewards, terminated
    and choices (discrete actions, integers below CHOICES) `[batch, 1]`.
    """

    states: Tensor
    actions: Tensor
    choices: Tensor
    rewards: Tensor
    next_states: Tensor
    terminated: Tensor


def random_batch(seed: int = 7, size: int = 6) -> Batch:
    """Return random transitions, identical for the same seed."""
    generator = torch.Generator().manual_seed(seed)

    def normal(width: int) -> Tensor:
        return torch.randn(size, width, generator=generator)

    return Batch(
        states=normal(STATE),
        actions=normal(ACTION).tanh(),
        choices=torch.randint(CHOICES, (size, 1), generator=generator),
        rewards=normal(1),
        next_states=normal(STATE),
        terminated=(torch.rand(size, 1, generator=generator) < 0.2).float(),
    )


def polyak(target: nn.Module, online: nn.Module, tau: float = 0.05) -> None:
    """Move `target` towards `online` by the fraction `tau`."""
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.lerp_(fast, tau)
