"""Limit of the norm of each module's gradient, after the stop and before the optimizer's step."""

from collections.abc import Mapping
from itertools import chain

import torch
from torch import nn

from ddpg.stops.base import Stop


class GradientClip(Stop):
    """The gradient of each module and member is scaled down to the norm `limit` if it is larger.

    The formula is that of `torch.nn.utils.clip_grad_norm_`, of each module and member alone.
    One norm over several modules would couple them: a gradient that a stop leaves in a protected
    module would shorten the step of the trained one, even if the optimizer does not hold the
    protected module.

    Args:
        trained: see `Stop`; parameters `[member, ...]`.
        protected: see `Stop`.
        limit: largest norm.
    """

    name = "clip"

    def __init__(
        self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module], limit: float
    ):
        super().__init__(trained, protected)
        self.limit = limit

    def edit_gradients(self) -> None:
        for module in chain(self.trained.values(), self.protected.values()):
            gradients = [p.grad for p in module.parameters() if p.grad is not None]
            if gradients:
                squares = [gradient.flatten(1).square().sum(1) for gradient in gradients]
                norm = torch.stack(squares).sum(0).sqrt()
                factor = (self.limit / (norm + 1e-6)).clamp(max=1)
                for gradient in gradients:
                    gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
