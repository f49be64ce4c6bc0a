"""`manual`: edit the protected gradients by hand between backward pass and step."""

from collections.abc import Mapping

from torch import nn

from ddpg.stops.base import Crossing, Effect, Stop, StopError


class Manual(Stop):
    """The protected gradients are scaled; every `manual_every`-th update lets them through whole.

    A gradient that is scaled to nothing is zero, never None: an optimizer with momentum or weight
    decay still moves its parameter.

    Args:
        manual_scale: factor on the protected gradients (0 stops, 1 is the control), one number
            or one per module; names of modules that this crossing does not protect are passed by.
        manual_every: period, in updates, of the update that lets the gradients through; 1: none.

    Raises:
        StopError: `manual_scale` leaves out a protected module, or `manual_every` is below 1.
    """

    name = "manual"
    summary = "the protected gradients are scaled by hand before the step"
    effect = {Crossing.UPSTREAM: Effect.PROTECTS, Crossing.DOWNSTREAM: Effect.PROTECTS}

    def __init__(
        self,
        trained: Mapping[str, nn.Module],
        protected: Mapping[str, nn.Module],
        manual_scale: float | Mapping[str, float] = 0.0,
        manual_every: int = 1,
    ):
        super().__init__(trained, protected)
        if not isinstance(manual_scale, Mapping):
            manual_scale = dict.fromkeys(protected, manual_scale)
        if not set(protected) <= set(manual_scale):
            raise StopError(
                f"manual_scale names {sorted(manual_scale)}; allowed: a number, or one for each "
                f"protected module of this crossing, {sorted(protected)}"
            )
        if manual_every < 1:
            raise StopError(f"manual_every is {manual_every}; allowed: 1 or more updates")
        self.scale = {name: manual_scale[name] for name in protected}
        self.every = manual_every
        self.updates = 0

    def edit_gradients(self) -> None:
        self.updates += 1
        if self.every > 1 and self.updates % self.every == 0:
            return
        for name, module in self.protected.items():
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
