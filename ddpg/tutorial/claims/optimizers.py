"""Claims about what an optimizer does with a gradient."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from ddpg.tutorial import by_hand, layers_seen
from ddpg.tutorial.claims.claim import Part
from ddpg.tutorial.layers import Layers

Make = Callable[[list[dict[str, list[nn.Parameter]]]], Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "SGD": partial(SGD, lr=0.1),
    "SGD with momentum 0.9": partial(SGD, lr=0.1, momentum=0.9),
    "SGD with weight decay 0.1": partial(SGD, lr=0.1, weight_decay=0.1),
    "Adam": partial(Adam, lr=1e-3),
    "Adam with weight decay 0.1": partial(Adam, lr=1e-3, weight_decay=0.1),
    "AdamW": partial(AdamW, lr=1e-3),
    "RMSprop": partial(RMSprop, lr=1e-3),
}
WARM_STEPS = 5


def gradients_live_in_parameters() -> list[Part]:
    """After the backward pass, and across the step."""
    layers = Layers("none")
    parameters = list(layers.parameters().values())
    before = _copies(parameters)
    layers.loss().backward()
    written = all(parameter.grad is not None for parameter in parameters)
    parts = [
        Part(
            "after `backward` every parameter has its `.grad`, and none has moved",
            written and _equal(_copies(parameters), before),
        )
    ]
    kept = {name: _step_keeps_gradients(make) for name, make in OPTIMIZERS.items()}
    parts.append(
        Part(
            "`step` leaves `.grad` as it was, to the bit",
            all(kept.values()),
            "; ".join(name for name, same in kept.items() if same),
        )
    )
    return parts + [
        Part(f"{name} moves by −lr·grad alone", *_moves_by_gradient(make))
        for name, make in OPTIMIZERS.items()
    ]


def excluding_equals_editing() -> list[Part]:
    """L1 left out of the optimizer, against L1's gradients zeroed by hand."""
    return [
        Part(
            f"{name}, {when}",
            _equal(_excluded_or_edited(make, warm, True), _excluded_or_edited(make, warm, False)),
        )
        for when, warm in (("from the first step on", 0), ("after 5 free steps", WARM_STEPS))
        for name, make in OPTIMIZERS.items()
    ]


def zero_is_none() -> list[Part]:
    """A zero gradient after a few real ones."""
    return [
        Part(name, moved == 0, f"moved by {moved:.2g}")
        for name, make in OPTIMIZERS.items()
        for moved in [_moved_after(make, torch.Tensor.zero_)]
    ]


def frozen_is_not_moved() -> list[Part]:
    """`requires_grad_(False)`, and an optimizer that still holds the parameter."""
    adam = OPTIMIZERS["Adam"]
    kinds: dict[str, Callable[[Tensor], Tensor] | None] = {
        "its `.grad` is None": None,
        "an old `.grad` is there": torch.clone,
        "its `.grad` was zeroed, after real steps": torch.Tensor.zero_,
    }
    return [
        Part(f"Adam, {name}", moved == 0, f"moved by {moved:.2g}")
        for name, edit in kinds.items()
        for moved in [_moved_after(adam, edit, freeze=True)]
    ]


def fused_bumps_the_version() -> list[Part]:
    """`_version` across one step, fused and not."""
    parts = []
    for kind in (SGD, Adam, AdamW, Adagrad):
        plain, fused = (_version_after(partial(kind, lr=0.1, fused=f)) for f in (False, True))
        parts.append(Part(f"fused {kind.__name__}", fused > 0, f"+{fused}; not fused +{plain}"))
    return parts


def by_hand_equals_sgd() -> list[Part]:
    """θ ← θ − lr·g against `optim.SGD`, element by element."""
    applied = by_hand.applied_by_hand()
    counts = {
        "`p.add_(g, alpha=-lr)`": applied.add_differs,
        "`p - lr * g`": applied.subtraction_differs,
    }
    return [
        Part(way, count == 0, f"{count:,} of {applied.elements:,} elements differ")
        for way, count in counts.items()
    ]


def l1_is_tracked_though_unused() -> list[Part]:
    """The low-level stops leave the graph whole."""
    control = layers_seen.see("none").graph
    return [
        Part(
            f"`{name}`",
            seen.graph.nodes.keys() == control.nodes.keys(),
            f"{len(seen.graph.nodes)} of the control's {len(control.nodes)} boxes",
        )
        for name in ("optimizer", "manual")
        for seen in [layers_seen.see(name)]
    ]


def _copies(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def _equal(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def _groups(layers: Layers) -> list[dict[str, list[nn.Parameter]]]:
    return [{"params": list(layer.parameters())} for layer in (layers.l2, layers.l1)]


def _warmed(make: Make, steps: int = WARM_STEPS) -> tuple[Layers, Optimizer]:
    """Layers after some steps in which nothing was stopped."""
    layers = Layers("none")
    optimizer = make(_groups(layers))
    for _ in range(steps):
        optimizer.zero_grad()
        layers.loss().backward()
        optimizer.step()
    return layers, optimizer


def _step_keeps_gradients(make: Make) -> bool:
    layers, optimizer = _warmed(make)
    parameters = layers.parameters().values()
    before = [p.grad.clone() for p in parameters if p.grad is not None]
    optimizer.step()
    return _equal([p.grad for p in parameters if p.grad is not None], before)


def _moves_by_gradient(make: Make) -> tuple[bool, str]:
    layers, optimizer = _warmed(make)
    rate = optimizer.param_groups[0]["lr"]
    weight = layers.l2.weight
    expected = weight.detach().clone()
    optimizer.zero_grad()
    layers.loss().backward()
    assert weight.grad is not None, "the backward pass wrote it"
    expected.add_(weight.grad, alpha=-rate)
    optimizer.step()
    difference = float((weight.detach() - expected).abs().max())
    return difference == 0, f"off by {difference:.2g}" if difference else "to the bit"


def _excluded_or_edited(make: Make, warm: int, excluded: bool) -> list[Tensor]:
    layers, optimizer = _warmed(make, warm)
    if excluded:
        optimizer.param_groups.pop()
    for _ in range(WARM_STEPS):
        optimizer.zero_grad()
        layers.l1.zero_grad()
        layers.loss().backward()
        for parameter in layers.l1.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()
        optimizer.step()
    return _copies(layers.parameters().values())


def _moved_after(
    make: Make, edit: Callable[[Tensor], Tensor] | None, freeze: bool = False
) -> float:
    """How far L1 moves in one more step, with its gradient edited (None: set to None)."""
    layers, optimizer = _warmed(make)
    parameters = list(layers.l1.parameters())
    for parameter in parameters:
        assert parameter.grad is not None, "the steps before wrote it"
        parameter.grad = None if edit is None else edit(parameter.grad)
        parameter.requires_grad_(not freeze)
    before = _copies(parameters)
    optimizer.step()
    after = _copies(parameters)
    return max(float((a - b).abs().max()) for a, b in zip(after, before, strict=True))


def _version_after(make: Callable[[list[nn.Parameter]], Optimizer]) -> int:
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = make([parameter])
    before = parameter._version
    optimizer.step()
    return parameter._version - before
