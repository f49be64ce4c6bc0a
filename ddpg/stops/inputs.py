"""`inputs`: accumulate gradients in the trained parameters only."""

from torch import Tensor

from ddpg.stops.base import Crossing, Effect, Stop, require_graph


class BackwardInputs(Stop):
    """`loss.backward(inputs=trained)`, the counterpart of `jax.grad(argnums=...)`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
    """

    name = "inputs"
    summary = "`loss.backward(inputs=trained)`: only those leaves accumulate"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}
    owns_backward = True

    def backward(self, loss: Tensor) -> None:
        require_graph(loss)
        loss.backward(inputs=self.trained_parameters)
