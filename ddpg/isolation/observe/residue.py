"""Which backward passes the `.grad` of a parameter came from."""

import torch
from torch import Tensor

from ..contract import UpdateRow
from .inventory import Inventory
from .ledger import copy_of, same_bits
from .records import BackwardPass

BEFORE = UpdateRow("before the audit")
"""Row of the passes that ran before the audit."""


class Residue:
    """For each parameter, the passes whose gradients piled up in `.grad` since it was clear."""

    def __init__(self, inventory: Inventory) -> None:
        before = BackwardPass(BEFORE)
        self._piled: dict[int, list[BackwardPass]] = {}
        self._left: dict[int, list[tuple[Tensor, list[BackwardPass]]]] = {}
        self._delivered: dict[int, list[BackwardPass]] = {}
        for key, entry in inventory.entries.items():
            gradient = _gradient(entry.tensor)
            if gradient is not None and bool(gradient.any()):
                self._piled[key] = [before]
                self._left[key] = [(copy_of(gradient), [before])]

    def before(self, keys: set[int], inventory: Inventory) -> None:
        """Call before a pass: what was cleared since is forgotten."""
        for key in keys & self._piled.keys():
            gradient = _gradient(inventory.entries[key].tensor)
            if gradient is None or not gradient.any():
                del self._piled[key]
                self._left.pop(key, None)

    def after(self, seen: BackwardPass, inventory: Inventory) -> None:
        """Call after a pass; what `autograd.grad` returned may be put into `.grad` by hand."""
        for key in seen.delivered:
            self._delivered.setdefault(key, []).append(seen)
            if not seen.accumulates:
                continue
            gradient = inventory.entries[key].tensor.grad
            if gradient is not None:
                self._piled.setdefault(key, []).append(seen)
                left = (copy_of(gradient), list(self._piled[key]))
                self._left.setdefault(key, []).append(left)

    def sources(self, parameter: Tensor) -> list[BackwardPass]:
        """The passes that `.grad` came from, as a step finds it.

        It may not be what the passes left there: clipped, or put back from a copy that was taken
        after one of them. It is then those up to the value that it equals, else the one pass whose
        gradient it is a multiple of.
        """
        key, gradient = id(parameter), _gradient(parameter)
        if gradient is None or not gradient.any():
            return []
        piled = list(self._piled.get(key, ()))
        for left, passes in reversed(self._left.get(key, [])):
            if same_bits(gradient, left):
                return list(passes)
        if any(is_multiple(gradient, left) for left, _ in self._left.get(key, [])[-1:]):
            return piled
        for seen in reversed(self._delivered.get(key, [])):
            if is_multiple(gradient, seen.delivered[key]):
                return [seen]
        return piled


def _gradient(parameter: Tensor) -> Tensor | None:
    gradient = parameter.grad if parameter.is_leaf else None
    if gradient is None or gradient.layout == torch.strided:
        return gradient
    return gradient.to_dense()


def is_multiple(gradient: Tensor, other: Tensor) -> bool:
    if gradient.shape != other.shape or gradient.numel() == 1:
        return same_bits(gradient, other)  # any number is a multiple of any other
    one, two = gradient.flatten().double(), other.flatten().double()
    product = torch.dot(one, two).abs()
    return bool(product >= (1 - 1e-9) * one.norm() * two.norm()) and bool(two.any())
