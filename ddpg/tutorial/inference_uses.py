"""Uses of an inference tensor outside inference mode, each tried in turn."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ddpg.tutorial.two_layers import TwoLayers


@dataclass(frozen=True)
class InferenceUse:
    """One use and its outcome.

    Attributes:
        code: the use.
        error: first sentence of PyTorch's error; empty if the use works.
        tracked: the result requires grad.
        trains: a backward pass from the result gave L2 a non-zero gradient.
    """

    code: str
    error: str
    tracked: bool
    trains: bool

    @property
    def outcome(self) -> str:
        """The outcome in a few words."""
        if self.error:
            return f"RuntimeError: {self.error}"
        if not self.tracked:
            return "works, but autograd records nothing"
        return "works, and L2 gets a gradient" if self.trains else "works"


def inference_uses() -> list[InferenceUse]:
    """Try every use, each with fresh layers."""
    return [_try(code, use) for code, use in _USES.items()]


def _try(code: str, use: Callable[[TwoLayers, Tensor], Tensor]) -> InferenceUse:
    layers = TwoLayers("none")
    with torch.inference_mode():
        hidden = layers.l1(layers.x)
    try:
        result = use(layers, hidden)
    except RuntimeError as error:
        return InferenceUse(code, str(error).partition(".")[0], False, False)
    if result.requires_grad:
        result.sum().backward()
    gradients = [parameter.grad for parameter in layers.l2.parameters()]
    trains = any(gradient is not None and bool(gradient.count_nonzero()) for gradient in gradients)
    return InferenceUse(code, "", result.requires_grad, trains)


def _in_the_mode(layers: TwoLayers, hidden: Tensor) -> Tensor:
    with torch.inference_mode():
        return layers.l2(hidden)


def _target(layers: TwoLayers) -> Tensor:
    with torch.inference_mode():
        return layers.y + 0


_USES: dict[str, Callable[[TwoLayers, Tensor], Tensor]] = {
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
    "L2(hidden) inside the mode": _in_the_mode,
    "L2(hidden.clone())": lambda layers, hidden: layers.l2(hidden.clone()),
}
