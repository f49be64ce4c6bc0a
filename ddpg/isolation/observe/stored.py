"""Stored objects of an agent: live graphs and inference tensors among them."""

import weakref
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from torch import Tensor, nn

from .autograd import recorded_at
from .object_tree import is_function, walk_objects

MAX_VALUES = 300_000
"""Values examined per name, so that a large replay buffer takes bounded time."""
_MAX_FAULTS = 1000
"""Faulty tensors per name and search."""


class Stored(NamedTuple):
    """Result of a search.

    Attributes:
        faults: name under `keeps` → number of a faulty tensor → its fault, as a sentence. A tensor
            keeps its number from search to search, unless it gets another graph.
        partial: names with more values than were examined.
    """

    faults: dict[str, dict[int, str]]
    partial: list[str]


class StoredSearch:
    """Searches stored objects, and everything that they lead to, for faults.

    Args:
        keeps: as for `Contract`.
    """

    def __init__(self, keeps: Mapping[str, object]) -> None:
        self._keeps = keeps
        self._numbers = count()
        self._known: dict[int, tuple[weakref.ref[Tensor], int, int]] = {}

    def run(self) -> Stored:
        stored = Stored({}, [])
        for name, value in self._keeps.items():
            faults, values = self._examine(value() if is_function(value) else value, name)
            if faults:
                stored.faults[name] = faults
            elif values >= MAX_VALUES:
                stored.partial.append(name)
        return stored

    def _examine(self, root: object, name: str) -> tuple[dict[int, str], int]:
        """Return the faults by number, and the number of values."""
        computed: set[int] = set()
        faults: dict[int, str] = {}
        values = 0
        for where, value in walk_objects(root, name, MAX_VALUES):
            values += 1
            if isinstance(value, nn.Module):
                computed |= _computed_weights(value)
            if isinstance(value, Tensor) and id(value) not in computed:
                fault = _fault(value)
                if fault:
                    faults[self._number(value)] = f"{where} {fault}"
                    if len(faults) == _MAX_FAULTS:
                        break
        return faults, values

    def _number(self, tensor: Tensor) -> int:
        graph = -1 if tensor.grad_fn is None else recorded_at(tensor.grad_fn)
        reference, known_graph, number = self._known.get(id(tensor), (None, -1, -1))
        if reference is None or reference() is not tensor or graph != known_graph:
            number = next(self._numbers)
            self._known[id(tensor)] = (weakref.ref(tensor), graph, number)
        return number


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
