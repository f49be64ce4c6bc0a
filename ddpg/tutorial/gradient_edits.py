"""Uses of `manual`: gradients edited by hand, and applied by hand."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ddpg.stops.manual import Manual
from ddpg.tutorial.two_layers import TwoLayers


class EditedStep(NamedTuple):
    """One step: norm of L1's gradient before and after the edit, and norm of L1's movement."""

    before: float
    after: float
    movement: float


class ClippedStep(NamedTuple):
    """One step after a clip: norms of the gradients before it, and movements."""

    stop: str
    is_joint: bool
    """True if one norm was taken over L1 and L2; False: over L2 alone."""
    l1_gradient: float
    l2_gradient: float
    l1_movement: float
    l2_movement: float


class SgdByHand(NamedTuple):
    """Number of elements, and how many of them differ from the result of `optim.SGD`."""

    elements: int
    add_differs: int
    subtraction_differs: int


def zero_every_other_step(steps: int = 4) -> list[EditedStep]:
    """Zero L1's gradient at every other step."""
    layers = TwoLayers("manual", manual_scale=0.0, manual_every=2)
    return [_step(layers) for _ in range(steps)]


def limit_norm(limit: float, steps: int = 4) -> list[EditedStep]:
    """Scale L1's gradient down to the norm `limit` where its norm is larger."""
    layers = TwoLayers("manual", manual_scale=1.0)
    return [_step(layers, limit) for _ in range(steps)]


def clip_norm(stop: str, is_joint: bool, limit: float) -> ClippedStep:
    """Clip the gradient to the norm `limit`, over L1 and L2 together or over L2 alone, and step."""
    layers = TwoLayers(stop)
    loss = layers.loss()
    layers.stop.clear_gradients()
    layers.stop.backward(loss)
    modules = (layers.l1, layers.l2)
    norms = [_norm([p.grad for p in m.parameters() if p.grad is not None]) for m in modules]
    before = [[p.detach().clone() for p in module.parameters()] for module in modules]
    clipped = [p for m in modules if is_joint or m is layers.l2 for p in m.parameters()]
    nn.utils.clip_grad_norm_(clipped, limit)
    layers.optimizer.step()
    moved = [
        _norm([p.detach() - old for p, old in zip(module.parameters(), olds, strict=True)])
        for module, olds in zip(modules, before, strict=True)
    ]
    return ClippedStep(stop, is_joint, *norms, *moved)


def compare_with_sgd(elements: int = 10_000, learning_rate: float = 0.1) -> SgdByHand:
    """Compare one step of θ ← θ − lr·g by hand with `optim.SGD`, for random θ and g."""
    generator = torch.Generator().manual_seed(0)
    start, gradient = (torch.randn(elements, generator=generator) for _ in range(2))
    parameter = nn.Parameter(start.clone())
    parameter.grad = gradient.clone()
    torch.optim.SGD([parameter], lr=learning_rate).step()

    def differing(other: Tensor) -> int:
        return int((parameter.detach() != other).sum())

    return SgdByHand(
        elements,
        differing(start.clone().add_(gradient, alpha=-learning_rate)),
        differing(start - learning_rate * gradient),
    )


def _step(layers: TwoLayers, limit: float | None = None) -> EditedStep:
    loss = layers.loss()
    layers.stop.clear_gradients()
    layers.stop.backward(loss)
    before = _gradient_norm(layers)
    if limit is not None:
        assert isinstance(layers.stop, Manual), "only `manual` has a scale"
        layers.stop.scale["L1"] = min(1.0, limit / before)
    layers.stop.edit_gradients()
    after = _gradient_norm(layers)
    weights = [parameter.detach().clone() for parameter in layers.l1.parameters()]
    layers.optimizer.step()
    changes = [p.detach() - old for p, old in zip(layers.l1.parameters(), weights, strict=True)]
    return EditedStep(before, after, _norm(changes))


def _gradient_norm(layers: TwoLayers) -> float:
    return _norm([p.grad for p in layers.l1.parameters() if p.grad is not None])


def _norm(tensors: list[Tensor]) -> float:
    flat = [tensor.flatten() for tensor in tensors]
    return float(torch.linalg.vector_norm(torch.cat(flat))) if flat else 0.0
