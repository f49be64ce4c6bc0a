"""`freeze`: switch `requires_grad` off on the protected parameters for the forward pass."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError


class Freeze(Stop):
    """`requires_grad_(False)` on the protected parameters while the protected computation runs.

    Gradients still flow *through* the frozen modules to their inputs, but no gradient is computed
    for their weights. Spinning Up's DDPG freezes; in its TD3 and SAC the loop runs over an
    exhausted iterator and freezes nothing, so freezing nothing is an error here.

    Raises:
        StopError: no protected parameter required grad.
    """

    name = "freeze"
    summary = "`requires_grad_(False)` on the protected parameters while the forward pass runs"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}
    hides_parameters = True

    def __init__(self, trained: Mapping[str, nn.Module], protected: Mapping[str, nn.Module]):
        super().__init__(trained, protected)
        self._holds = False

    @contextmanager
    def around(self) -> Iterator[None]:
        frozen = [p for p in self.protected_parameters if p.requires_grad]
        if not frozen:
            raise StopError(
                f"stop 'freeze' found nothing to freeze in {sorted(self.protected)}: there are no "
                "parameters, or all of them were frozen before"
            )
        try:
            self._holds = True
            for parameter in frozen:
                parameter.requires_grad = False
            yield
        finally:
            for parameter in frozen:
                parameter.requires_grad = True
            self._holds = False

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        if self._holds:
            return function(*inputs)
        with self.around():
            return function(*inputs)
