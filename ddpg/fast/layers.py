"""Linear layers of all members, with layer normalization and activation after hidden ones."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import elu, layer_norm, silu

from ddpg.fast.linear import MemberLinear

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "elu": elu,
    "silu": silu,
}
"""Value of the setting `activation` -> function."""


class MemberLayerNorm(nn.Module):
    """One layer normalization per member: `[member, batch, width]` -> the same shape.

    The mean and the variance are those of one row. Ba et al. 2016 (arXiv:1607.06450).

    Args:
        members: independent agents.
        width: units of the layer.
    """

    def __init__(self, members: int, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(members, 1, width))
        self.bias = nn.Parameter(torch.zeros(members, 1, width))

    def forward(self, features: Tensor) -> Tensor:
        return layer_norm(features, features.shape[-1:]) * self.weight + self.bias


class Layers(nn.Module):
    """Linear layers of all members.

    Args:
        generators: one per member, for its initial weights.
        inputs: width of the input of each layer.
        outputs: width of the output of each layer.
        final_bound: half-width of the last layer's initial weights; None: 1/√inputs.
        activation: name of the function that follows each hidden layer.
        layer_norm: normalize in front of that function.
    """

    def __init__(
        self,
        generators: Sequence[Generator],
        inputs: Sequence[int],
        outputs: Sequence[int],
        final_bound: float | None,
        activation: str = "relu",
        layer_norm: bool = False,
    ):
        super().__init__()
        *hidden, last = zip(inputs, outputs, strict=True)
        self.hidden = nn.ModuleList(MemberLinear(generators, *pair) for pair in hidden)
        self.output = MemberLinear(generators, *last, final_bound)
        self.layers = [*self.hidden, self.output]
        normalized = outputs[:-1] if layer_norm else []
        self.norms = nn.ModuleList(MemberLayerNorm(len(generators), width) for width in normalized)
        self.activation = activation
        function = ACTIVATIONS[activation]
        self.after: list[Callable[[Tensor], Tensor]] = [
            *(partial(_normalize, norm, function) for norm in self.norms)
        ] or [function] * len(hidden)
        """Function that follows each hidden layer."""


def _normalize(norm: nn.Module, function: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    return function(norm(features))
