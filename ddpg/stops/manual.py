"""`manual`: edit the protected gradients by hand between backward pass and step."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError

_Number = TypeVar("_Number", int, float)


class Manual(Stop):
    """The protected gradients are scaled; every `manual_every`-th update lets them through whole.

    Both settings may differ from module to module, so that a leak into one of them can be dosed
    alone.

    A gradient that is scaled to nothing is zero, never None: an optimizer with momentum or weight
    decay still moves its parameter.

    Args:
        manual_scale: factor on the protected gradients (0 stops, 1 is the control), one number
            or one per module; names of modules that this crossing does not protect are passed by.
        manual_every: period, in updates, of the update that lets the gradients through whole, one
            number or one per module; 1: there is no such update.

    Raises:
        StopError: a protected module is left out, or `manual_every` is below 1.
    """

    name = "manual"
    summary = "the protected gradients are scaled by hand before the step"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}

    def __init__(
        self,
        trained: Mapping[str, nn.Module],
        protected: Mapping[str, nn.Module],
        manual_scale: float | Mapping[str, float] = 0.0,
        manual_every: int | Mapping[str, int] = 1,
    ):
        super().__init__(trained, protected)
        self.scale = _per_module("manual_scale", manual_scale, protected)
        self.every = _per_module("manual_every", manual_every, protected)
        if min(self.every.values(), default=1) < 1:
            raise StopError(f"manual_every is {manual_every}; allowed: 1 or more updates")
        self.updates = 0

    def edit_gradients(self) -> None:
        self.updates += 1
        for name, module in self.protected.items():
            if self.every[name] > 1 and self.updates % self.every[name] == 0:
                continue
            for parameter in module.parameters():
                if parameter.grad is None:
                    continue
                if self.scale[name] == 0:
                    parameter.grad.zero_()
                else:
                    parameter.grad.mul_(self.scale[name])

    def state_dict(self) -> dict[str, int]:
        return {"updates": self.updates}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        super().load_state_dict(state)
        self.updates = state["updates"]


def _per_module(
    setting: str, value: _Number | Mapping[str, _Number], protected: Iterable[str]
) -> dict[str, _Number]:
    """`value` for each protected module, from one number or one per module."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(protected, value)
    if not set(protected) <= set(value):
        raise StopError(
            f"{setting} names {sorted(value)}; allowed: a number, or one for each protected "
            f"module of this crossing, {sorted(protected)}"
        )
    return {name: value[name] for name in protected}
