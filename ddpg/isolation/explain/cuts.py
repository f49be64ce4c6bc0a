"""Operations that take a tensor with a graph and return a value without one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.overrides import resolve_name

# Operations that people write to cut a graph, and operations that cut one as a side effect.
_CUTS = ("detach", "detach_", "data", "numpy", "tolist", "tensor", "as_tensor")
_NUMBERS = ("item", "tolist", "numpy", "__float__", "__array__", "__int__", "__bool__")


@dataclass
class Cut:
    """Operation that cut the graph of a tensor.

    Attributes:
        reaches: modules that the tensor had a path to.
        operation: such as `Tensor.detach`.
        line: the user's line.
        rank: 2 for an operation written to cut a graph, 1 for a side effect, else 0.
    """

    reaches: set[str]
    operation: str
    line: str
    rank: int


def rank_of(operation: str) -> int:
    """Return how likely the operation is the cut that a user looks for (`Cut.rank`)."""
    last = operation.rpartition(".")[2]
    return 2 if last in _CUTS else 1 if last in _NUMBERS else 0


def tensors_in(values: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dicts."""
    tensors: list[Tensor] = []
    for value in values.values() if isinstance(values, Mapping) else values:
        if isinstance(value, Tensor):
            tensors.append(value)
        elif isinstance(value, list | tuple | dict):
            tensors += tensors_in(value)
    return tensors


def cuts_graph(function: Any, result: object) -> bool:
    """Return True if `result` of a function of tensors with a graph has none."""
    if isinstance(result, Tensor):
        return not result.requires_grad and result.is_floating_point()
    return getattr(function, "__name__", "") in _NUMBERS


def operation_name(function: Any) -> str:
    """Return a name such as `Tensor.detach`."""
    name = resolve_name(function) or getattr(function, "__name__", str(function))
    return name.removeprefix("torch.").removesuffix(".__get__")
