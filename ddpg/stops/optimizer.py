"""`optimizer`: let the gradients flow, and give the optimizer the trained module only."""

from torch import nn

from ddpg.stops.base import Crossing, Effect, Stop


class OptimizerMembership(Stop):
    """The optimizer holds only the trained module's parameters.

    The protected parameters are reached and written, but not moved.
    """

    name = "optimizer"
    summary = "the optimizer holds only the trained module's parameters"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}

    def parameters(self) -> list[nn.Parameter]:
        return self.trained_parameters
