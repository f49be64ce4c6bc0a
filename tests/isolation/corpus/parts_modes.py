"""Networks with BatchNorm, for the cases about train and eval mode."""

import torch
from torch import Tensor, nn

from tests.isolation.corpus.parts import ACTION, STATE, mlp


def normalized(*sizes: int, seed: int = 0, output: nn.Module | None = None) -> nn.Sequential:
    """Build the perceptron of `mlp` with BatchNorm over its inputs."""
    return nn.Sequential(nn.BatchNorm1d(sizes[0]), *mlp(*sizes, seed=seed, output=output))


class NormalizedCritic(nn.Module):
    """Network from states and continuous actions to action values, BatchNorm over the states."""

    def __init__(self, seed: int = 2) -> None:
        super().__init__()
        self.normalize = nn.BatchNorm1d(STATE)
        self.network = mlp(STATE + ACTION, 8, 1, seed=seed)

    def forward(self, states: Tensor, actions: Tensor) -> Tensor:
        return self.network(torch.cat([self.normalize(states), actions], dim=-1))
