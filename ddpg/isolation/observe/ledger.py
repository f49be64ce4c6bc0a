"""The values of tensors, compared bit by bit each time somebody looks."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from .autograd import sequence_number
from .inventory import Entry

_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True, eq=False)
class Change:
    """An entry whose bits changed between two looks.

    `last_old` is an autograd sequence number: an operation recorded before saw the old value.
    """

    entry: Entry
    before: Tensor
    after: Tensor
    last_old: int


class Ledger:
    """The last seen value of each entry."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.values: dict[int, Tensor] = {}
        self.entries: dict[int, Entry] = {}
        self._seen_at: dict[int, int] = {}
        self.changes: dict[int, list[Change]] = {}
        self.latest_change = -1
        self.adopt(entries)

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Look at these from now on; those known already keep their last value."""
        now = sequence_number()
        self.entries = {id(entry.tensor): entry for entry in entries}
        for key, entry in self.entries.items():
            if key not in self.values:
                self.values[key] = copy_of(entry.tensor)
                self._seen_at[key] = now

    def look(self, keys: Iterable[int] | None = None) -> list[Change]:
        """What changed since the last look, among `keys` or everywhere."""
        now = sequence_number()
        changes: list[Change] = []
        for key in self.entries if keys is None else keys:
            entry, old = self.entries[key], self.values[key]
            if not same_bits(entry.tensor, old):
                new = copy_of(entry.tensor)
                change = Change(entry, old, new, self._seen_at[key])
                changes.append(change)
                self.changes.setdefault(key, []).append(change)
                self.values[key] = new
                self.latest_change = now
            self._seen_at[key] = now
        return changes


def same_bits(left: Tensor, right: Tensor) -> bool:
    """Equal bit for bit: a NaN equals itself, and 0.0 differs from -0.0."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return torch.equal(_bits(left), _bits(right))


def copy_of(tensor: Tensor) -> Tensor:
    """A dense copy that no mode of the caller's marks (as inference) and no graph holds."""
    with torch.inference_mode(False), torch.no_grad():
        if tensor.layout != torch.strided:
            return tensor.detach().to_dense().clone()
        return tensor.detach().clone(memory_format=torch.contiguous_format)


def _bits(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().contiguous()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    return tensor.view(_INTEGERS[tensor.element_size()])
