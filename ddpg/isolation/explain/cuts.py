"""Operations that take a tensor with a graph and return something without one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.overrides import resolve_name

# What is written to cut a graph, what cuts one in passing, and (all else) what merely has none.
_CUTS = ("detach", "detach_", "data", "numpy", "tolist", "tensor", "as_tensor")
_NUMBERS = ("item", "tolist", "numpy", "__float__", "__array__", "__int__", "__bool__")


@dataclass
class Cut:
    """An operation that took a tensor with a graph and returned something without."""

    reaches: set[str]
    operation: str
    line: str
    likely: int


def likelihood(name: str) -> int:
    """2 for what is written to cut a graph, 1 for what cuts one in passing, 0 for all else."""
    last = name.rpartition(".")[2]
    return 2 if last in _CUTS else 1 if last in _NUMBERS else 0


def tensors_in(values: Any) -> list[Tensor]:
    found: list[Tensor] = []
    for value in values.values() if isinstance(values, Mapping) else values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple | dict):
            found += tensors_in(value)
    return found


def is_cut(func: Any, result: object) -> bool:
    if isinstance(result, Tensor):
        return not result.requires_grad and result.is_floating_point()
    return getattr(func, "__name__", "") in _NUMBERS


def name_of(func: Any) -> str:
    name = (resolve_name(func) or getattr(func, "__name__", str(func))).removeprefix("torch.")
    return name.removesuffix(".__get__")
