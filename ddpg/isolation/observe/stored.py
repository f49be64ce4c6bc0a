"""Stored objects of an agent: live graphs and inference tensors among them."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn

from .object_tree import is_function, walk_objects

MAX_VALUES = 300_000
"""Values examined per name, so that a large replay buffer takes bounded time."""


class Stored(NamedTuple):
    """Result of `examine`.

    Attributes:
        faults: name under `keeps` → fault of the first tensor with one, as a sentence.
        partial: names with more values than were examined.
    """

    faults: dict[str, str]
    partial: list[str]


def examine(keeps: Mapping[str, object]) -> Stored:
    """Search stored objects, and everything that they lead to, for faults."""
    stored = Stored({}, [])
    for name, value in keeps.items():
        fault, count = _examine(value() if is_function(value) else value, name)
        if fault:
            stored.faults[name] = fault
        elif count >= MAX_VALUES:
            stored.partial.append(name)
    return stored


def _examine(root: object, name: str) -> tuple[str, int]:
    """Return the first fault, and the number of values."""
    computed: set[int] = set()
    count = 0
    for where, value in walk_objects(root, name, MAX_VALUES):
        count += 1
        if isinstance(value, nn.Module):
            computed |= _computed_weights(value)
        if isinstance(value, Tensor) and id(value) not in computed:
            fault = _fault(value)
            if fault:
                return f"{where} {fault}", count
    return "", count


def _computed_weights(module: nn.Module) -> set[int]:
    """Return the tensors that hooks (`weight_norm`, `spectral_norm`) compute in each forward."""
    names = {getattr(hook, "name", None) for hook in module._forward_pre_hooks.values()}
    return {id(value) for name, value in vars(module).items() if name in names}


def _fault(tensor: Tensor) -> str:
    if tensor.is_inference():
        return "is an inference tensor: a later loss cannot save it for its backward pass"
    if tensor.grad_fn is not None:
        return (
            f"still carries the graph that made it ({tensor.grad_fn.name()}): "
            "a later backward pass would continue into this update"
        )
    return ""
