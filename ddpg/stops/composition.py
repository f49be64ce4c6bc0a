"""`a+b`: several stops at one crossing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from torch import Tensor, nn

from ddpg.stops.base import Stop, StopError


class Composition(Stop):
    """Several stops at one crossing, written `a+b`.

    `through` nests with the leftmost stop outermost. The optimizer holds the parameters that every
    stop allows. Gradients are edited from left to right.
    """

    def __init__(self, stops: Sequence[Stop]):
        super().__init__(stops[0].trained, stops[0].protected)
        self.stops = list(stops)

    def parameters(self) -> list[nn.Parameter]:
        allowed = set.intersection(*(set(stop.parameters()) for stop in self.stops))
        return [p for p in super().parameters() if p in allowed]

    def around_graph(self) -> AbstractContextManager[None]:
        for stop in self.stops:
            # Only one kind of stop overrides it, and a composition has each kind once.
            if type(stop).around_graph is not Stop.around_graph:
                return stop.around_graph()
        return super().around_graph()

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
                f"cannot load the state of the stops: it has the counters {sorted(state)}; "
                f"allowed: {sorted(self.state_dict())}"
            )
        for stop in self.stops:
            stop.load_state_dict({key: state[f"{stop.name}.{key}"] for key in stop.state_dict()})
