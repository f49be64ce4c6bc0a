"""Who changed a value: which optimizer by what, a Polyak average, a forward pass, or some write."""

from collections.abc import Mapping

from torch import Tensor

from ..observe.inventory import Entry
from ..observe.ledger import Change
from ..observe.records import OptimizerStep, UpdateRecord, Write
from .facts import is_nonzero

GRADIENT = "gradient"
TRAIN_MODE = "forward in train mode"
WRITE = "in-place write"
POLYAK = "Polyak from"


def by_step(step: OptimizerStep, change: Change) -> str:
    """`optimizer: gradient`, `optimizer: momentum`, ...

    With a gradient that is exactly zero, only what the optimizer remembers, or its decay, can
    have moved the parameter.
    """
    key = id(change.entry.tensor)
    gradient = step.gradients.get(key)
    if gradient is not None and is_nonzero(gradient):
        return f"{step.optimizer}: {GRADIENT}"
    causes: list[str] = []
    if gradient is not None:
        if key in step.momentum:
            causes.append("momentum")
        if key in step.decay:
            causes.append("weight decay")
    return f"{step.optimizer}: {' and '.join(causes) or WRITE}"


def by_write(record: UpdateRecord, write: Write, follows: Mapping[str, str]) -> str:
    """What a change outside every step was; sources that are declared are tried first."""
    change = write.change
    if change.entry.is_buffer and write.call is not None and write.call.training:
        return TRAIN_MODE
    # The largest tensor that was written with it tells tau best, and a single number, which lies
    # on every straight line, tells nothing.
    largest = _largest_beside(record, write)
    source, fraction = _source_of(record, largest, follows)
    own, own_fraction = (source, fraction)
    if largest is not change and change.before.numel() > 1:
        own, own_fraction = _source_of(record, change, follows)
    if not own:
        return WRITE
    if own == source and abs(own_fraction - fraction) < 0.5 * fraction:
        own_fraction = fraction
    return f"{POLYAK} {own} (tau {own_fraction:.2g})"


def _largest_beside(record: UpdateRecord, write: Write) -> Change:
    """The largest tensor of the same module that was written too."""
    beside = [
        each.change
        for each in record.writes(write.row)
        if set(each.change.entry.owners) & set(write.change.entry.owners)
        and each.change.before.is_floating_point()
        and not each.change.entry.is_buffer
    ]
    return max([write.change, *beside], key=lambda each: each.before.numel())


def _source_of(
    record: UpdateRecord, change: Change, follows: Mapping[str, str]
) -> tuple[str, float]:
    """The module that the value moved towards on a straight line, and how far (1: a copy)."""
    entry = change.entry
    if not change.before.is_floating_point() or change.before.shape != change.after.shape:
        return "", 0.0
    step = (change.after - change.before).flatten().double()
    declared = {follows.get(owner) for owner in entry.owners}
    others = record.inventory.entries.values()
    for other in sorted(others, key=lambda each: not set(each.owners) & declared):
        if other is entry or set(other.owners) & set(entry.owners):
            continue
        if other.tensor.shape != entry.tensor.shape or not _same_name(other, entry):
            continue
        for target in _values(record, id(other.tensor), change):
            fraction = _fraction(step, target, change.before)
            if fraction:
                return other.owners[0], fraction
    return "", 0.0


def _values(record: UpdateRecord, key: int, seen: Change) -> list[Tensor]:
    """Every value of an entry while the update ran; first what it was when `seen` was seen."""
    values = [record.start.get(key)]
    current: Tensor | None = None
    for change in record.changes():
        if change is seen:
            current = values[-1]
        if id(change.entry.tensor) == key:
            values.append(change.after)
    values.append(record.end.get(key))
    return [value for value in (current, *values) if value is not None]


def _same_name(one: Entry, two: Entry) -> bool:
    return bool(set(one.names.values()) & set(two.names.values()))


def _fraction(step: Tensor, target: Tensor, before: Tensor) -> float:
    way = (target - before).flatten().double()
    length = float(way @ way)
    if length == 0.0:
        return 0.0
    fraction = float(step @ way) / length
    off = float((step - fraction * way).norm())
    return fraction if 0 < fraction < 1.001 and off <= 1e-2 * float(step.norm()) else 0.0
