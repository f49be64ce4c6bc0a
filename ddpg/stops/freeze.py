"""`freeze`: switch `requires_grad` off on the protected parameters for the forward pass."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError


class Freeze(Stop):
    """`requires_grad_(False)` on the protected parameters while the protected computation runs.

    Gradients still flow *through* the frozen modules to their inputs, but none is computed for
    their weights. Spinning Up's DDPG does this. In its TD3 and SAC, the loop over an exhausted
    iterator freezes nothing, so having nothing to freeze is an error here.

    Raises:
        StopError: no protected parameter requires grad.
    """

    name = "freeze"
    summary = "`requires_grad_(False)` on the protected parameters while the forward pass runs"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}
    hides_parameters = True

    def __init__(self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module]):
        super().__init__(trained, protected)
        self._is_frozen = False

    @contextmanager
    def around_graph(self) -> Iterator[None]:
        frozen = [p for p in self.protected_parameters if p.requires_grad]
        if not frozen:
            raise StopError(f"cannot freeze {sorted(self.protected)}: no parameter requires grad")
        try:
            self._is_frozen = True
            for parameter in frozen:
                parameter.requires_grad = False
            yield
        finally:
            for parameter in frozen:
                parameter.requires_grad = True
            self._is_frozen = False

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        if self._is_frozen:
            return function(*inputs)
        with self.around_graph():
            return function(*inputs)
