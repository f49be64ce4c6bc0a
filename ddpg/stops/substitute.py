"""`substitute`: run the protected modules on detached copies of their parameters."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn
from torch.func import functional_call

from ddpg.stops.base import Crossing, Effect, Stop


class Substitute(Stop):
    """`functional_call` with detached parameters, as LeanRL and TorchRL do.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.functional_call.html
    """

    name = "substitute"
    summary = "the protected modules run on detached copies of their parameters"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}
    hides_parameters = True

    def __init__(self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module]):
        super().__init__(trained, protected)
        self._holder = _Holder(self.protected)

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        detached = {name: p.detach() for name, p in self._holder.named_parameters()}
        return functional_call(self._holder, detached, (function, *inputs))


class _Holder(nn.Module):
    """Parent of the protected modules: `functional_call` substitutes within one module."""

    def __init__(self, modules: Mapping[str, nn.Module]):
        super().__init__()
        self.held = nn.ModuleDict(modules)

    def forward(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        return function(*inputs)
