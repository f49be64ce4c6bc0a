"""`a+b`: several stops at one crossing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from torch import Tensor, nn

from ddpg.stops.base import Stop, StopError


class Composition(Stop):
    """Several stops at one crossing, written `a+b`.

    `through` nests with the leftmost stop outermost, the optimizer holds the intersection of what
    each allows, and gradients are edited in order.
    """

    def __init__(self, stops: Sequence[Stop]):
        super().__init__(stops[0].trained, stops[0].protected)
        self.stops = list(stops)

    def parameters(self) -> list[nn.Parameter]:
        held = [set(stop.parameters()) for stop in self.stops]
        return [p for p in super().parameters() if all(p in some for some in held)]

    def around(self) -> AbstractContextManager[None]:
        for stop in self.stops:
            # Of all stops, one has something to hold there.
            if type(stop).around is not Stop.around:
                return stop.around()
        return super().around()

    def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        for stop in reversed(self.stops):
            function = partial(stop.through, function)
        return function(*inputs)

    def backward(self, loss: Tensor) -> None:
        for stop in self.stops:
            if stop.owns_backward:
                stop.backward(loss)
                return
        super().backward(loss)

    def edit_gradients(self) -> None:
        for stop in self.stops:
            stop.edit_gradients()

    def state_dict(self) -> dict[str, int]:
        return {
            f"{stop.name}.{key}": value
            for stop in self.stops
            for key, value in stop.state_dict().items()
        }

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        if set(state) != set(self.state_dict()):
            raise StopError(
                f"state of the stops holds {sorted(state)}; allowed: {sorted(self.state_dict())}"
            )
        for stop in self.stops:
            stop.load_state_dict({key: state[f"{stop.name}.{key}"] for key in stop.state_dict()})
