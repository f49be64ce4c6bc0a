"""Optimizer steps under watch: the gradients that a step applies, and its closure."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .gradient_sources import GradientSources
from .inventory import Inventory
from .ledger import copy_of, is_nonzero
from .records import OptimizerStep

Closure = Callable[[], Any]


def describe_step(
    step: OptimizerStep, optimizer: Optimizer, inventory: Inventory, sources: GradientSources
) -> None:
    """Add what the optimizer holds, and its gradients, to the step.

    It is called before the step, and after each run of the step's closure.
    """
    for group in optimizer.param_groups:
        for tensor in group["params"]:
            if id(tensor) in inventory.entries:
                _describe(step, tensor, optimizer, group, sources)


def _describe(
    step: OptimizerStep,
    tensor: Tensor,
    optimizer: Optimizer,
    group: dict[str, Any],
    sources: GradientSources,
) -> None:
    key, gradient = id(tensor), tensor.grad
    step.held.add(key)
    if gradient is not None and (key not in step.gradients or is_nonzero(gradient)):
        step.gradients[key] = copy_of(gradient)
        known = step.sources.get(key, [])
        step.sources[key] = list(dict.fromkeys([*known, *sources.of(tensor)]))
    if group.get("weight_decay"):
        step.decay.add(key)
    state = optimizer.state.get(tensor, {})
    if any(
        isinstance(value, Tensor) and value.shape == tensor.shape and is_nonzero(value)
        for value in state.values()
    ):
        step.momentum.add(key)


def replace_closure(
    arguments: tuple[Any, ...], keywords: dict[str, Any], run: Callable[[Closure], Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return the arguments of `optimizer.step` with a closure that calls `run(closure)`.

    Return None if there is no closure. The first argument is the optimizer.
    """
    closure = keywords.get("closure", arguments[1] if len(arguments) > 1 else None)
    if not callable(closure):
        return None

    def replaced() -> Any:
        return run(closure)

    if "closure" in keywords:
        return arguments, {**keywords, "closure": replaced}
    return (*arguments[:1], replaced, *arguments[2:]), keywords
