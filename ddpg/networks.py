"""Actor and critic on `[member, batch, dim]`: one matrix product computes a layer of all members.

Both draw initial weights from `generators`, one per member. `hidden` are the widths of the hidden
layers, and `final_bound` is the half-width of the output layer's weights (None: 1/√inputs).
`options` are `activation` and `layer_norm` of the hidden layers.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from ddpg.fast.layers import Layers


class Actor(Layers):
    """Policy μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""

    def __init__(
        self,
        generators: Sequence[Generator],
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        final_bound: float | None = None,
        **options: Any,
    ):
        inputs, outputs = [observation_dim, *hidden], [*hidden, action_dim]
        super().__init__(generators, inputs, outputs, final_bound, **options)

    def forward(self, observation: Tensor) -> Tensor:
        features = observation
        for layer, after in zip(self.layers, self.after, strict=False):
            features = after(layer(features))
        return self.layers[-1](features).tanh()


class Critic(Layers):
    """Value Q(s, a): `[member, batch, 1]`. The action enters layer `action_layer` (paper: 1)."""

    def __init__(
        self,
        generators: Sequence[Generator],
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        action_layer: int = 0,
        final_bound: float | None = None,
        **options: Any,
    ):
        inputs = [observation_dim, *hidden]
        inputs[action_layer] += action_dim
        super().__init__(generators, inputs, [*hidden, 1], final_bound, **options)
        self.action_layer = action_layer

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        features = observation
        for index, layer in enumerate(self.layers):
            if index > 0:
                features = self.after[index - 1](features)
            if index == self.action_layer:
                features = torch.cat([features, action], dim=-1)
            features = layer(features)
        return features
