"""Snapshots of the named modules: gradients, `requires_grad` and replaced tensors."""

from dataclasses import replace

from torch import Tensor

from .autograd import sequence_number
from .inventory import Inventory
from .ledger import Change, copy_of, same_bits
from .records import UpdateRecord


def gradients(inventory: Inventory) -> dict[int, Tensor]:
    """Return copies of every `.grad` that is not None."""
    return {
        key: copy_of(entry.tensor.grad)
        for key, entry in inventory.entries.items()
        if entry.tensor.is_leaf and entry.tensor.grad is not None
    }


def requires_grad(inventory: Inventory) -> dict[int, bool]:
    """Return the flag of every entry that is not a buffer."""
    return {
        key: entry.tensor.requires_grad
        for key, entry in inventory.entries.items()
        if not entry.is_buffer
    }


def replacements(record: UpdateRecord) -> list[Change]:
    """Return the changes that an update made by assigning another tensor to a name."""
    assert record.after is not None
    keys_after = record.after.signature()
    changes: list[Change] = []
    for name, key in record.inventory.signature().items():
        if name in keys_after and keys_after[name] != key and key in record.start:
            after = record.after.entries[keys_after[name]]
            owners = record.inventory.entries[key].owners
            if name[0] not in owners and name[0] not in after.owners:
                continue  # a part of the module is named apart, and owns the tensor
            owner = name[0] if name[0] in owners else owners[0]
            entry = replace(after, owners=(owner,), is_alias=False)
            if not same_bits(entry.tensor, record.start[key]):
                changes.append(
                    Change(entry, record.start[key], copy_of(entry.tensor), sequence_number())
                )
    return changes
