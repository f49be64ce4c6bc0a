"""`no_grad`: run the protected computation without recording a graph."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddpg.stops.base import Crossing, Effect, Stop


class NoGrad(Stop):
    """The protected computation runs under `torch.no_grad()`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html
    """

    name = "no_grad"
    summary = "computed under `torch.no_grad()`"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.IMPOSSIBLE}
    cuts_values = True
    hides_parameters = True

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return function(*inputs)
