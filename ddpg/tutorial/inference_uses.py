"""What an inference tensor may be used for outside its mode, tried one by one."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ddpg.tutorial.layers import Layers


@dataclass(frozen=True)
class Use:
    """One use, and how it ended.

    Attributes:
        code: the use.
        error: the first sentence of what PyTorch raised; empty where it passed.
        tracked: the result requires grad.
        trains: a backward pass from it gave L2 a gradient that is not zero.
    """

    code: str
    error: str
    tracked: bool
    trains: bool

    @property
    def outcome(self) -> str:
        """In a few words."""
        if self.error:
            return f"RuntimeError: {self.error}"
        if not self.tracked:
            return "passes, and tracks nothing"
        return "passes, and the backward pass trains L2" if self.trains else "passes"


def uses() -> list[Use]:
    """Every use, each with fresh layers."""
    return [_tried(code, use) for code, use in _USES.items()]


def _tried(code: str, use: Callable[[Layers, Tensor], Tensor]) -> Use:
    layers = Layers("none")
    with torch.inference_mode():
        hidden = layers.l1(layers.x)
    try:
        result = use(layers, hidden)
    except RuntimeError as error:
        return Use(code, str(error).partition(".")[0], False, False)
    if result.requires_grad:
        result.sum().backward()
    gradients = [parameter.grad for parameter in layers.l2.parameters()]
    trains = any(gradient is not None and bool(gradient.count_nonzero()) for gradient in gradients)
    return Use(code, "", result.requires_grad, trains)


def _inside(layers: Layers, hidden: Tensor) -> Tensor:
    with torch.inference_mode():
        return layers.l2(hidden)


def _target(layers: Layers) -> Tensor:
    with torch.inference_mode():
        return layers.y + 0


_USES: dict[str, Callable[[Layers, Tensor], Tensor]] = {
    "L2(hidden)": lambda layers, hidden: layers.l2(hidden),
    "L2.weight * hidden": lambda layers, hidden: layers.l2.weight * hidden,
    "mse_loss(L2(x), target)": lambda layers, _: mse_loss(layers.l2(layers.x), _target(layers)),
    "hidden.add_(1)": lambda _, hidden: hidden.add_(1),
    "hidden.requires_grad_()": lambda _, hidden: hidden.requires_grad_(),
    "torch.cat([hidden, L2(x)], dim=1)": lambda layers, hidden: torch.cat(
        [hidden, layers.l2(layers.x)], dim=1
    ),
    "(L2(x) - target) ** 2": lambda layers, _: (layers.l2(layers.x) - _target(layers)) ** 2,
    "L2.weight + hidden": lambda layers, hidden: layers.l2.weight + hidden,
    "L2(hidden) inside the mode": _inside,
    "L2(hidden.clone())": lambda layers, hidden: layers.l2(hidden.clone()),
}
