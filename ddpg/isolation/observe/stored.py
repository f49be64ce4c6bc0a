"""What an agent keeps between updates: tensors that still carry a graph, or an inference flag."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

_LOOKED_INTO = (list, tuple, set, frozenset)
_MOST = 100_000  # values looked at per name: a replay buffer of plain numbers is not a search


def examine(keeps: Mapping[str, object]) -> dict[str, str]:
    """Name under `keeps` → what is wrong with the first bad tensor in there."""
    found: dict[str, str] = {}
    for name, value in keeps.items():
        if callable(value) and not isinstance(value, nn.Module | Tensor):
            value = value()
        for where, tensor in _tensors(value, name):
            fault = _fault(tensor)
            if fault:
                found[name] = f"{where} {fault}"
                break
    return found


def _fault(tensor: Tensor) -> str:
    if tensor.is_inference():
        return "is an inference tensor, which no later loss can save for its backward pass"
    if tensor.grad_fn is not None:
        return (
            f"still carries the graph that made it ({tensor.grad_fn.name()}): "
            "a later backward pass runs on into this update"
        )
    return ""


def _tensors(value: object, where: str) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in nested containers and objects, with how to get there."""
    stack, met, left = [(where, value)], set[int](), _MOST
    while stack and left:
        where, value = stack.pop()
        left -= 1
        if isinstance(value, Tensor):
            yield where, value
        elif isinstance(value, nn.Module | Optimizer | type) or id(value) in met:
            continue
        else:
            met.add(id(value))
            stack += reversed(_inside(value, where))


def _inside(value: object, where: str) -> list[tuple[str, object]]:
    if isinstance(value, Mapping):
        return [(f"{where}[{key!r}]", each) for key, each in value.items()]
    if isinstance(value, _LOOKED_INTO) or type(value).__name__ == "deque":
        return [(f"{where}[{index}]", each) for index, each in enumerate(value)]  # pyright: ignore[reportArgumentType]
    if type(value).__name__ == "ndarray":
        return list(_objects(value, where))
    if callable(value) or isinstance(value, ModuleType):
        return []
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*getattr(value, "__dict__", {}), *(name for name in slots if hasattr(value, name))]
    return [(f"{where}.{name}", getattr(value, name)) for name in names]


def _objects(array: Any, where: str) -> Iterator[tuple[str, object]]:
    """What a NumPy array of objects holds; one of numbers holds nothing to look at."""
    if array.dtype.kind == "O":
        yield from ((f"{where}.flat[{index}]", each) for index, each in enumerate(array.flat))
