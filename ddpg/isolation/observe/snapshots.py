"""What there is to see of the named modules at one moment."""

from dataclasses import replace

from torch import Tensor, nn

from .autograd import sequence_number
from .inventory import Entry, Inventory
from .ledger import Change, copy_of, same_bits
from .records import UpdateRecord


def replaced(record: UpdateRecord) -> list[Change]:
    """What an update changed by putting another tensor in a module's place."""
    assert record.after is not None
    now = record.after.signature()
    changes: list[Change] = []
    for name, key in record.inventory.signature().items():
        if name in now and now[name] != key and key in record.start:
            entry = replace(record.after.entries[now[name]], owners=(name[0],), echo=False)
            if not same_bits(entry.tensor, record.start[key]):
                changes.append(
                    Change(entry, record.start[key], copy_of(entry.tensor), sequence_number())
                )
    return changes


def primary(inventory: Inventory) -> list[Entry]:
    return [entry for entry in inventory.entries.values() if not entry.echo]


def gradients(inventory: Inventory) -> dict[int, Tensor]:
    return {
        key: copy_of(entry.tensor.grad)
        for key, entry in inventory.entries.items()
        if entry.tensor.is_leaf and entry.tensor.grad is not None
    }


def required(inventory: Inventory) -> dict[int, bool]:
    return {
        key: entry.tensor.requires_grad
        for key, entry in inventory.entries.items()
        if not entry.is_buffer
    }


def labels(inventory: Inventory) -> dict[int, str]:
    """Submodule → its name under the smallest named module that holds it."""
    labels: dict[int, str] = {}
    modules = {n: m for n, m in inventory.modules.items() if isinstance(m, nn.Module)}
    for name in sorted(modules, key=lambda n: -len(inventory.within(n))):
        for inner, module in modules[name].named_modules():
            labels[id(module)] = f"{name}.{inner}" if inner else name
    return labels
