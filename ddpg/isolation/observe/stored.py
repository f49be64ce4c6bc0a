"""Stored objects of an agent: live graphs and inference tensors among them."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

_CONTAINERS = (list, tuple, set, frozenset)
_MAX_VALUES = 100_000
"""Values examined per name, so that a large replay buffer takes bounded time."""


def examine(keeps: Mapping[str, object]) -> dict[str, str]:
    """Return name under `keeps` → fault of the first tensor with one, as a sentence."""
    faults: dict[str, str] = {}
    for name, value in keeps.items():
        if callable(value) and not isinstance(value, nn.Module | Tensor):
            value = value()
        for where, tensor in _tensors(value, name):
            fault = _fault(tensor)
            if fault:
                faults[name] = f"{where} {fault}"
                break
    return faults


def _fault(tensor: Tensor) -> str:
    if tensor.is_inference():
        return "is an inference tensor: a later loss cannot save it for its backward pass"
    if tensor.grad_fn is not None:
        return (
            f"still carries the graph that made it ({tensor.grad_fn.name()}): "
            "a later backward pass would continue into this update"
        )
    return ""


def _tensors(value: object, where: str) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor in nested containers and objects, with the expression for it."""
    stack, met = [(where, value)], set[int]()
    for _ in range(_MAX_VALUES):
        if not stack:
            break
        where, value = stack.pop()
        if isinstance(value, Tensor):
            yield where, value
        elif isinstance(value, nn.Module | Optimizer | type) or id(value) in met:
            continue
        else:
            met.add(id(value))
            stack += reversed(_children(value, where))


def _children(value: object, where: str) -> list[tuple[str, object]]:
    """Return the items or attributes of a value, with the expression for each."""
    if isinstance(value, Mapping):
        return [(f"{where}[{key!r}]", each) for key, each in value.items()]
    if isinstance(value, _CONTAINERS) or type(value).__name__ == "deque":
        return [(f"{where}[{index}]", each) for index, each in enumerate(value)]  # pyright: ignore[reportArgumentType]
    if type(value).__name__ == "ndarray":
        return _array_items(value, where)
    if callable(value) or isinstance(value, ModuleType):
        return []
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*getattr(value, "__dict__", {}), *(name for name in slots if hasattr(value, name))]
    return [(f"{where}.{name}", getattr(value, name)) for name in names]


def _array_items(array: Any, where: str) -> list[tuple[str, object]]:
    """Return the items of a NumPy array of objects; none for an array of numbers."""
    if array.dtype.kind != "O":
        return []
    return [(f"{where}.flat[{index}]", each) for index, each in enumerate(array.flat)]
