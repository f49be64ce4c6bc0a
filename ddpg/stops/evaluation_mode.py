"""`eval`: the misconception that evaluation mode stops gradients."""

from collections.abc import Callable

from torch import Tensor

from ddpg.stops.base import Crossing, Effect, Stop


class EvaluationMode(Stop):
    """The protected modules run in `eval()` mode. It stops no gradient, so it leaks as `none` does.

    Source: https://docs.pytorch.org/docs/stable/notes/autograd.html, "Evaluation Mode".
    """

    name = "eval"
    summary = "`module.eval()`: the misconception; it leaks exactly as the control does"
    effect = {Crossing.UPSTREAM: Effect.LEAKS, Crossing.DOWNSTREAM: Effect.LEAKS}

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        submodules = [sub for module in self.protected.values() for sub in module.modules()]
        modes = [submodule.training for submodule in submodules]
        try:
            for module in self.protected.values():
                module.eval()
            return function(*inputs)
        finally:
            # `module.train()` would also switch on submodules that the user has switched off.
            for submodule, training in zip(submodules, modes, strict=True):
                submodule.training = training
