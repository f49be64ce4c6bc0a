"""`detach`: cut the tensors that cross."""

from collections.abc import Callable

from torch import Tensor

from ddpg.stops.base import Crossing, Effect, Stop


class Detach(Stop):
    """`.detach()` on the inputs that require grad, if there are any, else on the output.

    Downstream, the input is the trained module's output. There the trained module gets no gradient,
    and the loss trains the protected module instead.
    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html
    """

    name = "detach"
    summary = "`.detach()` on what crosses"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.STARVES}
    cuts_values = True

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        if any(tensor.requires_grad for tensor in inputs):
            return function(*(tensor.detach() for tensor in inputs))
        return function(*inputs).detach()
