"""The backward passes that the `.grad` of each parameter comes from."""

from typing import TypeVar

import torch
from torch import Tensor

from ..contract import UpdateRow
from .inventory import Inventory
from .ledger import copy_of, is_nonzero, same_bits
from .precision import in_float64
from .records import BackwardPass

_Value = TypeVar("_Value")
_LATEST = 8
"""Gradients that are remembered per parameter, so that many steps take bounded memory."""
BEFORE = UpdateRow("before the audit")
"""Row of the passes that ran before the audit."""


class GradientSources:
    """For each parameter, the passes whose gradients were added to `.grad` since it was zero."""

    def __init__(self, inventory: Inventory) -> None:
        before = BackwardPass(BEFORE)
        self._added: dict[int, list[BackwardPass]] = {}
        self._values: dict[int, list[tuple[Tensor, list[BackwardPass]]]] = {}
        self._delivered: dict[int, list[tuple[BackwardPass, Tensor]]] = {}
        for key, entry in inventory.entries.items():
            gradient = _gradient(entry.tensor)
            if gradient is not None and is_nonzero(gradient):
                self._added[key] = [before]
                self._values[key] = [(copy_of(gradient), [before])]

    def forget_cleared(self, keys: set[int], inventory: Inventory) -> None:
        """Forget the passes of gradients that are None or zero now. Call it before a pass."""
        for key in keys & self._added.keys():
            gradient = _gradient(inventory.entries[key].tensor)
            if gradient is None or not is_nonzero(gradient):
                del self._added[key]
                self._values.pop(key, None)

    def add(self, backward: BackwardPass, inventory: Inventory) -> None:
        """Add a pass that has run.

        Gradients that `autograd.grad` returned count too: the user can write them to `.grad`.
        """
        for key, delivered in backward.delivered.items():
            _append(self._delivered, key, (backward, delivered))
            if not backward.accumulates:
                continue
            gradient = inventory.entries[key].tensor.grad
            if gradient is not None:
                added = dict.fromkeys(p.representative for p in self._added.get(key, ()))
                self._added[key] = [*added, backward]
                _append(self._values, key, (copy_of(gradient), self._added[key]))

    def of(self, parameter: Tensor) -> list[BackwardPass]:
        """Return the passes that the present `.grad` comes from.

        `.grad` may have been replaced by a copy from after an earlier pass: then these are the
        passes up to the value that it equals. Or it may be a multiple of the gradient of one pass
        (scaled, or returned by `autograd.grad`).
        """
        return list(dict.fromkeys(each.representative for each in self._of(parameter)))

    def _of(self, parameter: Tensor) -> list[BackwardPass]:
        key, gradient = id(parameter), _gradient(parameter)
        if gradient is None or not is_nonzero(gradient):
            return []
        added = list(self._added.get(key, ()))
        for value, passes in reversed(self._values.get(key, [])):
            if same_bits(gradient, value):
                return list(passes)
        if any(is_multiple(gradient, value) for value, _ in self._values.get(key, [])[-1:]):
            return added
        for backward, delivered in reversed(self._delivered.get(key, [])):
            if is_multiple(gradient, delivered):
                return [backward]
        return added


def _append(lists: dict[int, list[_Value]], key: int, value: _Value) -> None:
    """Append to the list of a key, and forget all but its latest values."""
    lists[key] = [*lists.get(key, ()), value][-_LATEST:]


def is_multiple(gradient: Tensor, other: Tensor) -> bool:
    """Return True if one tensor is a multiple of the other, within rounding errors.

    Single numbers have to be equal: each is a multiple of every other.
    """
    if gradient.shape != other.shape or gradient.numel() == 1:
        return same_bits(gradient, other)
    if same_bits(gradient, other):
        return is_nonzero(other)
    one, two = in_float64(gradient.flatten()), in_float64(other.flatten())
    product = torch.dot(one, two).abs()
    return bool(product >= (1 - 1e-9) * one.norm() * two.norm()) and is_nonzero(two)


def _gradient(parameter: Tensor) -> Tensor | None:
    gradient = parameter.grad if parameter.is_leaf else None
    if gradient is None or gradient.layout == torch.strided:
        return gradient
    return gradient.to_dense()
