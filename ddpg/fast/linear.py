"""Linear layer per member, in the form that the eager or the compiled update runs fastest."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

_FEW_INPUTS = 16
"""Widest input whose product is written out for the compiler."""


class MemberLinear(nn.Module):
    """One linear layer per member: `[member, batch, inputs]` -> `[member, batch, outputs]`.

    Weights and biases are drawn from ±1/√inputs, as in the paper's supplement and in
    `torch.nn.Linear`.

    Args:
        generators: one per member, for its initial weights.
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
        # Faster than the attributes, which `nn.Module` looks up in Python.
        parameters: dict[str, Any] = self._parameters
        weight, bias = parameters.get("weight"), parameters.get("bias")
        # torch.nn.utils.prune and parametrizations replace a parameter by an attribute.
        weight = self.weight if weight is None else weight
        bias = self.bias if bias is None else bias
        if torch.compiler.is_compiling():
            return _fusible_product(inputs, weight) + bias
        return torch.baddbmm(bias, inputs, weight)

    def __prepare_scriptable__(self) -> nn.Module:
        """Refuse `torch.jit.script`, which calls this method first.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "cannot script MemberLinear: torch.jit.script has no type for its parameters; allowed: "
            "torch.jit.trace, torch.export.export or torch.compile"
        )


def _fusible_product(inputs: Tensor, weight: Tensor) -> Tensor:
    """Return `inputs @ weight`, written out where few inputs meet more outputs: the first layer.

    The compiler calls a library for a product, and fuses a product that is written out, and its
    gradients, with the operations around it. With few inputs, these take most of the time.
    """
    _, inputs_dim, outputs_dim = weight.shape
    if inputs_dim > min(_FEW_INPUTS, outputs_dim):
        return torch.bmm(inputs, weight)
    # In inference mode, a view of an outer tensor cannot be traced.
    inputs, weight = inputs.clone(), weight.clone()
    columns, rows = inputs.unsqueeze(-1).unbind(2), weight.unsqueeze(2).unbind(1)
    terms = [column * row for column, row in zip(columns, rows, strict=True)]
    return sum(terms[1:], terms[0])
