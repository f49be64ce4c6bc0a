"""`inference`: run the protected computation in inference mode, and clone its result."""

from collections.abc import Callable

import torch
from torch import Tensor

from ddpg.stops.base import Crossing, Effect, Stop


class Inference(Stop):
    """The protected computation runs under `torch.inference_mode()`. Its result is cloned outside.

    An inference tensor cannot be saved for a backward pass. A clone made outside the mode can.
    Source: https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html
    """

    name = "inference"
    summary = "computed under `torch.inference_mode()`, then cloned outside it"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.IMPOSSIBLE}
    cuts_values = True
    hides_parameters = True

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        with torch.inference_mode():
            output = function(*inputs)
        return output.clone()
