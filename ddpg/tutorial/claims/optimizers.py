"""Claims about optimizers and gradients."""

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from ddpg.tutorial.claims.claim import Statement
from ddpg.tutorial.gradient_edits import compare_with_sgd
from ddpg.tutorial.layers_update import run_layers_update
from ddpg.tutorial.two_layers import TwoLayers

OptimizerFactory = Callable[[list[dict[str, list[nn.Parameter]]]], Optimizer]

OPTIMIZERS: dict[str, OptimizerFactory] = {
    "SGD": partial(SGD, lr=0.1),
    "SGD with momentum 0.9": partial(SGD, lr=0.1, momentum=0.9),
    "SGD with weight decay 0.1": partial(SGD, lr=0.1, weight_decay=0.1),
    "Adam": partial(Adam, lr=1e-3),
    "Adam with weight decay 0.1": partial(Adam, lr=1e-3, weight_decay=0.1),
    "AdamW": partial(AdamW, lr=1e-3),
    "RMSprop": partial(RMSprop, lr=1e-3),
}
WARM_STEPS = 5


def gradients_live_in_parameters() -> list[Statement]:
    """Inspect `.grad` and the parameters after the backward pass, and after the step."""
    layers = TwoLayers("none")
    parameters = list(layers.parameters().values())
    before = _copies(parameters)
    layers.loss().backward()
    written = all(parameter.grad is not None for parameter in parameters)
    unchanged = [name for name, make in OPTIMIZERS.items() if _step_leaves_gradients(make)]
    return [
        Statement(
            "after `backward` every parameter has its `.grad`, and none has moved",
            written and _equal(_copies(parameters), before),
        ),
        Statement(
            "`step` leaves `.grad` bit-identical",
            len(unchanged) == len(OPTIMIZERS),
            "; ".join(unchanged),
        ),
        *(
            Statement(f"{name} moves by exactly −lr·grad", *_moves_by_gradient(make))
            for name, make in OPTIMIZERS.items()
        ),
    ]


def excluding_equals_editing() -> list[Statement]:
    """Leave L1 out of the optimizer, and zero L1's gradients by hand."""
    return [
        Statement(
            f"{name}, {when}",
            _equal(*(_steps_without_l1(make, warm, excluded) for excluded in (True, False))),
        )
        for when, warm in (("from the first step on", 0), ("after 5 free steps", WARM_STEPS))
        for name, make in OPTIMIZERS.items()
    ]


def zero_is_none() -> list[Statement]:
    """Step with a zero gradient after a few steps with real ones."""
    return [
        Statement(name, moved == 0, f"moved by {moved:.2g}")
        for name, make in OPTIMIZERS.items()
        for moved in [_movement_after(make, torch.Tensor.zero_)]
    ]


def frozen_is_not_moved() -> list[Statement]:
    """Step after `requires_grad_(False)`, with an optimizer that still holds the parameter."""
    adam = OPTIMIZERS["Adam"]
    gradients: dict[str, Callable[[Tensor], Tensor] | None] = {
        "if `.grad` is None": None,
        "if an old `.grad` is left": torch.clone,
        "if `.grad` was zeroed after real steps": torch.Tensor.zero_,
    }
    return [
        Statement(f"Adam, {when}", moved == 0, f"moved by {moved:.2g}")
        for when, edit in gradients.items()
        for moved in [_movement_after(adam, edit, freeze=True)]
    ]


def fused_increments_the_version() -> list[Statement]:
    """Read `_version` before and after one step, fused and not."""
    statements = []
    for kind in (SGD, Adam, AdamW, Adagrad):
        plain, fused = (_version_change(partial(kind, lr=0.1, fused=f)) for f in (False, True))
        statements.append(
            Statement(f"fused {kind.__name__}", fused > 0, f"+{fused}; not fused +{plain}")
        )
    return statements


def by_hand_equals_sgd() -> list[Statement]:
    """Compare θ ← θ − lr·g with `optim.SGD`, element by element."""
    sgd = compare_with_sgd()
    counts = {
        "`p.add_(g, alpha=-lr)`": sgd.add_differs,
        "`p - lr * g`": sgd.subtraction_differs,
    }
    return [
        Statement(code, count == 0, f"{count:,} of {sgd.elements:,} elements differ")
        for code, count in counts.items()
    ]


def l1_is_tracked_though_unused() -> list[Statement]:
    """Compare the graphs of `optimizer` and `manual` with the control's."""
    control = run_layers_update("none").graph
    return [
        Statement(
            f"`{name}`",
            graph.boxes.keys() == control.boxes.keys(),
            f"{len(graph.boxes)} of the control's {len(control.boxes)} nodes",
        )
        for name in ("optimizer", "manual")
        for graph in [run_layers_update(name).graph]
    ]


def _copies(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def _equal(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def _groups(layers: TwoLayers) -> list[dict[str, list[nn.Parameter]]]:
    return [{"params": list(layer.parameters())} for layer in (layers.l2, layers.l1)]


def _warmed(make: OptimizerFactory, steps: int = WARM_STEPS) -> tuple[TwoLayers, Optimizer]:
    """Return layers and optimizer after `steps` steps without a stop."""
    layers = TwoLayers("none")
    optimizer = make(_groups(layers))
    for _ in range(steps):
        optimizer.zero_grad()
        layers.loss().backward()
        optimizer.step()
    return layers, optimizer


def _step_leaves_gradients(make: OptimizerFactory) -> bool:
    layers, optimizer = _warmed(make)
    parameters = layers.parameters().values()
    before = [p.grad.clone() for p in parameters if p.grad is not None]
    optimizer.step()
    return _equal([p.grad for p in parameters if p.grad is not None], before)


def _moves_by_gradient(make: OptimizerFactory) -> tuple[bool, str]:
    layers, optimizer = _warmed(make)
    rate = optimizer.param_groups[0]["lr"]
    weight = layers.l2.weight
    expected = weight.detach().clone()
    optimizer.zero_grad()
    layers.loss().backward()
    assert weight.grad is not None, "no gradient after the backward pass"
    expected.add_(weight.grad, alpha=-rate)
    optimizer.step()
    difference = float((weight.detach() - expected).abs().max())
    return difference == 0, f"off by {difference:.2g}" if difference else ""


def _steps_without_l1(make: OptimizerFactory, warm: int, excluded: bool) -> list[Tensor]:
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


def _movement_after(
    make: OptimizerFactory, edit: Callable[[Tensor], Tensor] | None, freeze: bool = False
) -> float:
    """Return L1's largest change in one more step, its gradients edited (None: set to None)."""
    layers, optimizer = _warmed(make)
    parameters = list(layers.l1.parameters())
    for parameter in parameters:
        assert parameter.grad is not None, "no gradient after the steps"
        parameter.grad = None if edit is None else edit(parameter.grad)
        parameter.requires_grad_(not freeze)
    before = _copies(parameters)
    optimizer.step()
    after = _copies(parameters)
    return max(float((a - b).abs().max()) for a, b in zip(after, before, strict=True))


def _version_change(make: Callable[[list[nn.Parameter]], Optimizer]) -> int:
    parameter = nn.Parameter(torch.ones(3))
    parameter.grad = torch.ones(3)
    optimizer = make([parameter])
    before = parameter._version
    optimizer.step()
    return parameter._version - before
