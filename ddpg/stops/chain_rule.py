"""`chain_rule`: pass the gradient across the crossing by hand."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError, require_graph


class ChainRule(Stop):
    """∇ₐQ at a detached action, passed on to the actor by `action.backward(∇ₐQ)`.

    Equation 6 of Lillicrap et al. 2016 as written, and as Intel Coach implements it. The trained
    module's output must enter the protected computation, so this stop exists only downstream.

    Raises:
        StopError: no input of `through` requires grad, or `backward` was called before `through`.
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
                "cannot apply stop 'chain_rule': no input requires grad; allowed: the crossing "
                "where the trained module's output enters the protected computation"
            )
        return function(*leaves)

    def backward(self, loss: Tensor) -> None:
        require_graph(loss)
        if not self._crossing:
            raise StopError(
                "cannot run the backward pass of stop 'chain_rule': `through` must be called first"
            )
        tensors, leaves = zip(*self._crossing, strict=True)
        # Otherwise the graph would stay in memory until the next update.
        self._crossing = []
        gradients = torch.autograd.grad(loss, leaves)
        for tensor, gradient in zip(tensors, gradients, strict=True):
            # The tensors may share one graph, which the last backward pass frees.
            tensor.backward(gradient, retain_graph=tensor is not tensors[-1])
