"""Actor and critic on `[member, batch, dim]`: one matrix product computes a layer of all members.

Both draw initial weights from `generators`, one per member. `hidden` are the widths of the hidden
layers, and `final_bound` is the half-width of the output layer's weights (None: 1/√inputs).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn

from ddpg.fast.linear import MemberLinear


class Actor(nn.Module):
    """Policy μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""

    def __init__(
        self,
        generators: Sequence[Generator],
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        final_bound: float | None = None,
    ):
        super().__init__()
        widths = pairwise([observation_dim, *hidden])
        self.hidden = nn.ModuleList(MemberLinear(generators, *pair) for pair in widths)
        self.output = MemberLinear(generators, hidden[-1], action_dim, final_bound)
        self.layers = [*self.hidden, self.output]

    def forward(self, observation: Tensor) -> Tensor:
        features = observation
        for layer in self.layers[:-1]:
            features = layer(features).relu()
        return self.layers[-1](features).tanh()


class Critic(nn.Module):
    """Value Q(s, a): `[member, batch, 1]`. The action enters layer `action_layer` (paper: 1)."""

    def __init__(
        self,
        generators: Sequence[Generator],
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        action_layer: int = 0,
        final_bound: float | None = None,
    ):
        super().__init__()
        self.action_layer = action_layer
        inputs = [observation_dim, *hidden]
        inputs[action_layer] += action_dim
        widths = zip(inputs, hidden, strict=False)
        self.hidden = nn.ModuleList(MemberLinear(generators, *pair) for pair in widths)
        self.output = MemberLinear(generators, inputs[-1], 1, final_bound)
        self.layers = [*self.hidden, self.output]

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        features = observation
        for index, layer in enumerate(self.layers):
            if index > 0:
                features = features.relu()
            if index == self.action_layer:
                features = torch.cat([features, action], dim=-1)
            features = layer(features)
        return features
