"""What `manual` is for: gradients edited, and applied, by hand."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ddpg.stops.manual import Manual
from ddpg.tutorial.layers import Layers


class Edited(NamedTuple):
    """One step: the norm of L1's gradient before and after the edit, and how far L1 moved."""

    before: float
    after: float
    moved: float


class Applied(NamedTuple):
    """Of how many elements, how many differ from what `optim.SGD` left."""

    elements: int
    add_differs: int
    subtraction_differs: int


def every_other_step(steps: int = 4) -> list[Edited]:
    """L1's gradient is zeroed at every other step."""
    layers = Layers("manual", manual_scale=0.0, manual_every=2)
    return [_step(layers) for _ in range(steps)]


def scaled_above(limit: float, steps: int = 4) -> list[Edited]:
    """L1's gradient is scaled down to `limit` where its norm is larger."""
    layers = Layers("manual", manual_scale=1.0)
    return [_step(layers, limit) for _ in range(steps)]


def applied_by_hand(elements: int = 10_000, learning_rate: float = 0.1) -> Applied:
    """One step of θ ← θ − lr·g from random θ and g, three ways."""
    generator = torch.Generator().manual_seed(0)
    start, gradient = (torch.randn(elements, generator=generator) for _ in range(2))
    parameter = nn.Parameter(start.clone())
    parameter.grad = gradient.clone()
    torch.optim.SGD([parameter], lr=learning_rate).step()

    def differing(other: Tensor) -> int:
        return int((parameter.detach() != other).sum())

    return Applied(
        elements,
        differing(start.clone().add_(gradient, alpha=-learning_rate)),
        differing(start - learning_rate * gradient),
    )


def _step(layers: Layers, limit: float | None = None) -> Edited:
    loss = layers.loss()
    layers.stop.clear_gradients()
    layers.stop.backward(loss)
    before = _norm(layers)
    if limit is not None:
        assert isinstance(layers.stop, Manual), "the layers of this lesson run under `manual`"
        layers.stop.scale["L1"] = min(1.0, limit / before)
    layers.stop.edit_gradients()
    after = _norm(layers)
    weights = [parameter.detach().clone() for parameter in layers.l1.parameters()]
    layers.optimizer.step()
    moved = [p.detach() - old for p, old in zip(layers.l1.parameters(), weights, strict=True)]
    return Edited(before, after, _length(moved))


def _norm(layers: Layers) -> float:
    return _length([p.grad for p in layers.l1.parameters() if p.grad is not None])


def _length(tensors: list[Tensor]) -> float:
    return float(torch.linalg.vector_norm(torch.cat([tensor.flatten() for tensor in tensors])))
