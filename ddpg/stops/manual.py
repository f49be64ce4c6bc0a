"""`manual`: edit the protected gradients between the backward pass and the step."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError

_Number = TypeVar("_Number", int, float)


class Manual(Stop):
    """The protected gradients are scaled, except in every `manual_every`-th update.

    With one value per module, a leak into a single module can be studied.

    A gradient scaled by 0 is zero, not None: an optimizer with momentum or weight decay still
    moves its parameter.

    Args:
        trained: see `Stop`.
        protected: see `Stop`.
        manual_scale: factor on the protected gradients (0 stops, 1 is the control), one number or
            one per module. Names of modules that this crossing does not protect are ignored.
        manual_every: period, in updates, of the update that does not scale, one number or one per
            module. 1: every update scales.

    Raises:
        StopError: a protected module has no value, or `manual_every` is below 1.
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
            raise StopError(
                f"manual_every: {manual_every} is not allowed; allowed: 1 or more updates"
            )
        # A tensor, since a compiled graph would be compiled again for each value of a number.
        self.updates = torch.zeros(
            (), dtype=torch.int64, device=self.protected_parameters[0].device
        )

    def edit_gradients(self) -> None:
        self.updates += 1
        for name, module in self.protected.items():
            for parameter in module.parameters():
                if parameter.grad is not None:
                    self._edit(parameter.grad, self.scale[name], self.every[name])

    def _edit(self, gradient: Tensor, scale: float, every: int) -> None:
        # A product with 0 would turn infinity into NaN and keep signs.
        scaled = torch.zeros_like(gradient) if scale == 0 else gradient * scale
        passes = self.updates % every == 0
        gradient.copy_(torch.where(passes, gradient, scaled) if every > 1 else scaled)

    def state_dict(self) -> dict[str, int]:
        return {"updates": int(self.updates)}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        super().load_state_dict(state)
        self.updates.fill_(state["updates"])


def _per_module(
    setting: str, value: _Number | Mapping[str, _Number], protected: Iterable[str]
) -> dict[str, _Number]:
    """Return the value of each protected module, from one number or one per module."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(protected, value)
    if not set(protected) <= set(value):
        raise StopError(
            f"{setting}: {dict(value)} is not allowed; allowed: a number, or one per protected "
            f"module of this crossing, {sorted(protected)}"
        )
    return {name: value[name] for name in protected}
