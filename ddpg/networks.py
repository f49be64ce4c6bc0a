"""Actor and critic on `[member, batch, dim]`: one matrix product serves all members."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Generator, Tensor, nn

_FEW = 16
"""Inputs up to which a layer's product is spelled out to a compiler."""


class MemberLinear(nn.Module):
    """One linear layer a member: `[member, batch, inputs]` -> `[member, batch, outputs]`.

    Weights are drawn from ±1/√inputs, as in the paper's supplement and in `torch.nn.Linear`, each
    member's with its own generator.

    Args:
        generators: one a member.
        inputs: width of the input.
        outputs: width of the output.
        bound: half-width of the initial weights and biases; None: 1/√inputs.
    """

    def __init__(
        self, generators: Sequence[Generator], inputs: int, outputs: int, bound: float | None = None
    ):
        super().__init__()
        bound = 1 / math.sqrt(inputs) if bound is None else bound
        self.weight = nn.Parameter(torch.empty(len(generators), inputs, outputs))
        self.bias = nn.Parameter(torch.empty(len(generators), 1, outputs))
        with torch.no_grad():
            for member, generator in enumerate(generators):
                self.weight[member].uniform_(-bound, bound, generator=generator)
                self.bias[member].uniform_(-bound, bound, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        # `self.weight`, without the search by which `nn.Module` finds it.
        own: dict[str, Any] = self._parameters
        if torch.compiler.is_compiling():
            return _product_to_fuse(inputs, own["weight"]) + own["bias"]
        return torch.baddbmm(own["bias"], inputs, own["weight"])


def _product_to_fuse(inputs: Tensor, weight: Tensor) -> Tensor:
    """`inputs @ weight`, spelled out where few inputs meet more outputs: in the first layer.

    A compiler calls a library for a product, and joins what is spelled out, and its gradients, to
    the work around them: for few inputs, that work is most of it.
    """
    _, inputs_dim, outputs_dim = weight.shape
    if inputs_dim > min(_FEW, outputs_dim):
        return torch.bmm(inputs, weight)
    # Inside inference mode, a view of what comes from outside cannot be traced.
    inputs, weight = inputs.clone(), weight.clone()
    columns, rows = inputs.unsqueeze(-1).unbind(2), weight.unsqueeze(2).unbind(1)
    terms = [column * row for column, row in zip(columns, rows, strict=True)]
    return sum(terms[1:], terms[0])


class _Network(nn.Module):
    """Hidden layers and an output layer."""

    hidden: nn.ModuleList
    output: MemberLinear

    def _layers(self) -> tuple[list[MemberLinear], MemberLinear]:
        """`self.hidden` and `self.output`, without the search by which `nn.Module` finds them."""
        own: dict[str, Any] = self._modules
        return [*own["hidden"]._modules.values()], own["output"]


class Actor(_Network):
    """The deterministic policy μ(s): `[member, batch, observation]` -> `[member, batch, action]`.

    Actions lie in [−1, 1], by tanh.

    Args:
        generators: one a member, for the initial weights.
        observation_dim: width of an observation.
        action_dim: width of an action.
        hidden: width of each hidden layer.
        final_bound: half-width of the last layer's initial weights; None: 1/√inputs.
    """

    def __init__(
        self,
        generators: Sequence[Generator],
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        final_bound: float | None = None,
    ):
        super().__init__()
        widths = [observation_dim, *hidden]
        self.hidden = nn.ModuleList(
            MemberLinear(generators, inputs, outputs) for inputs, outputs in pairwise(widths)
        )
        self.output = MemberLinear(generators, widths[-1], action_dim, final_bound)

    def forward(self, observation: Tensor) -> Tensor:
        features, (hidden, output) = observation, self._layers()
        for layer in hidden:
            features = layer(features).relu()
        return output(features).tanh()


class Critic(_Network):
    """The action value Q(s, a): `[member, batch, observation]`, `[member, batch, action]` ->
    `[member, batch, 1]`.

    Args:
        generators: one a member, for the initial weights.
        observation_dim: width of an observation.
        action_dim: width of an action.
        hidden: width of each hidden layer.
        action_layer: the layer that the action enters, counted from 0; the paper's is 1.
        final_bound: half-width of the last layer's initial weights; None: 1/√inputs.
    """

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
        widths = [observation_dim, *hidden]
        widths_in = [
            width + action_dim if index == action_layer else width
            for index, width in enumerate(widths)
        ]
        self.hidden = nn.ModuleList(
            MemberLinear(generators, inputs, outputs)
            for inputs, outputs in zip(widths_in, hidden, strict=False)
        )
        self.output = MemberLinear(generators, widths_in[-1], 1, final_bound)

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        features, (hidden, output) = observation, self._layers()
        for index, layer in enumerate([*hidden, output]):
            if index == self.action_layer:
                features = torch.cat([features, action], dim=-1)
            features = layer(features)
            if layer is not output:
                features = features.relu()
        return features
