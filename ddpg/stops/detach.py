"""`detach`: cut the values that cross."""

from collections.abc import Callable

from torch import Tensor

from ddpg.stops.base import Crossing, Effect, Stop


class Detach(Stop):
    """`.detach()` on what crosses: the inputs that require grad if there are any, else the output.

    Downstream the input is the trained module's own output, so the trained module starves while
    the protected one is trained in its place. That is the thing to see there.
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
