"""Ledger: the last known value of every tensor, and the changes between comparisons."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .autograd import sequence_number
from .inventory import Entry

_FIRST, _LARGE = 256, 8_192
_VIEWS = {torch.float32: torch.int32, torch.float64: torch.int64}
"""Shortcut for the usual types."""
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(eq=False)
class Change:
    """An entry whose bits changed between two comparisons.

    Later changes of the same kind may be folded into it; `before` and `after` stay those of the
    first one.

    Attributes:
        last_old: autograd sequence number; operations recorded before it used the old value.
        final: value after the last folded change; None if no change was folded into this one.
        further: sum of the differences of the folded changes; None if there are none.
    """

    entry: Entry
    before: Tensor
    after: Tensor
    last_old: int
    final: Tensor | None = None
    further: Tensor | None = None

    @property
    def end(self) -> Tensor:
        """Value after all changes."""
        return self.after if self.final is None else self.final

    def difference(self) -> Tensor:
        """Return the sum of all differences."""
        difference = self.after - self.before
        return difference if self.further is None else difference + self.further

    def fold(self, later: "Change") -> None:
        """Add a later change of the same entry."""
        self.final = later.after
        if self.before.is_floating_point():
            difference = later.after - later.before
            self.further = difference if self.further is None else self.further + difference


class Ledger:
    """Last known value of each entry. Keys are identities of entries.

    Attributes:
        last_old: entry → the largest `Change.last_old` of its changes.
        latest_change: autograd sequence number of the last comparison with a change.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.values: dict[int, Tensor] = {}
        self._bits: dict[int, Tensor] = {}
        self.entries: dict[int, Entry] = {}
        self._compared_at: dict[int, int] = {}
        self.last_old: dict[int, int] = {}
        self.latest_change = -1
        self.adopt(entries)

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Compare these entries from now on; known entries keep their last value."""
        now = sequence_number()
        self.entries = {id(entry.tensor): entry for entry in entries}
        for key, entry in self.entries.items():
            if key not in self.values:
                self._remember(key, copy_of(entry.tensor))
                self._compared_at[key] = now

    def compare(self, keys: Iterable[int] | None = None) -> list[Change]:
        """Return the changes since the last comparison, of `keys` or of all entries."""
        now = sequence_number()
        changes: list[Change] = []
        for key in self.entries if keys is None else keys:
            entry, old = self.entries[key], self.values[key]
            tensor = entry.tensor
            same = tensor.shape == old.shape and tensor.dtype == old.dtype
            if not (same and torch.equal(_bits(tensor), self._bits[key])):
                new = copy_of(entry.tensor)
                change = Change(entry, old, new, self._compared_at[key])
                changes.append(change)
                self.last_old[key] = max(self.last_old.get(key, -1), change.last_old)
                self._remember(key, new)
                self.latest_change = now
            self._compared_at[key] = now
        return changes

    def _remember(self, key: int, value: Tensor) -> None:
        self.values[key] = value
        # Most comparisons find no change, so the view of a value is used many times.
        self._bits[key] = _bits(value)


def same_bits(left: Tensor, right: Tensor) -> bool:
    """Return True if all bits are equal: NaN equals itself, 0.0 differs from -0.0."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return torch.equal(_bits(left), _bits(right))


def is_nonzero(tensor: Tensor) -> bool:
    """Return True if any number is not zero, NaN included."""
    # Most large gradients show it in their first numbers.
    if tensor.numel() > _LARGE and bool(tensor.flatten()[:_FIRST].any()):
        return True
    return bool(tensor.any())


def copy_of(tensor: Tensor) -> Tensor:
    """Return a dense copy without graph that is no inference tensor."""
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):
            return copy_of(tensor)
    tensor = tensor.detach()
    if tensor.layout != torch.strided:
        return tensor.to_dense().clone()
    return tensor.clone(memory_format=torch.contiguous_format)


def _bits(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    if not tensor.is_contiguous():
        tensor = tensor.contiguous()
    if tensor.dtype in _VIEWS:
        return tensor.view(_VIEWS[tensor.dtype])
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.view(_INTEGERS[tensor.element_size()])
