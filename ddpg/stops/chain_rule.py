"""`chain_rule`: carry the gradient over the crossing by hand."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError, require_graph


class ChainRule(Stop):
    """∇ₐQ at a detached action, handed back to the actor by `action.backward(∇ₐQ)`.

    This is equation 6 of Lillicrap et al. 2016 as it is written, and as Intel Coach does it. It
    needs a trained module whose output enters the protected computation, so it is defined
    downstream alone.

    Raises:
        StopError: no input of `through` requires grad, or `backward` ran without it.
    """

    name = "chain_rule"
    summary = "∇ₐQ by `autograd.grad` at a detached action, then `action.backward(∇ₐQ)`"
    effect = {Crossing.UPSTREAM: Effect.ILLEGAL, Crossing.DOWNSTREAM: Effect.PROTECTS}
    owns_backward = True

    def __init__(self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module]):
        super().__init__(trained, protected)
        self._crossing: list[tuple[Tensor, Tensor]] = []

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        leaves = [t.detach().requires_grad_() if t.requires_grad else t for t in inputs]
        self._crossing = [
            (tensor, leaf)
            for tensor, leaf in zip(inputs, leaves, strict=True)
            if tensor.requires_grad
        ]
        if not self._crossing:
            raise StopError(
                "stop 'chain_rule' needs an input that requires grad; allowed: the crossing where "
                "the trained module's output enters the protected computation"
            )
        return function(*leaves)

    def backward(self, loss: Tensor) -> None:
        require_graph(loss)
        if not self._crossing:
            raise StopError("stop 'chain_rule' has nothing to hand back: call `through` first")
        tensors, leaves = zip(*self._crossing, strict=True)
        # A kept graph would stay alive until the next update.
        self._crossing = []
        gradients = torch.autograd.grad(loss, leaves)
        for tensor, gradient in zip(tensors, gradients, strict=True):
            # All of them may come from one graph.
            tensor.backward(gradient, retain_graph=tensor is not tensors[-1])
