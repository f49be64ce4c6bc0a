"""Who changed a value: which optimizer by what, a Polyak average, a forward pass, or some write."""

from torch import Tensor

from ddpg.isolation.facts import is_nonzero
from ddpg.isolation.inventory import Entry
from ddpg.isolation.ledger import Change
from ddpg.isolation.record import Record, Step

GRADIENT = "gradient"
TRAIN_MODE = "forward in train mode"
WRITE = "in-place write"
POLYAK = "Polyak from"


def by_step(step: Step, change: Change) -> str:
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


def by_write(record: Record, change: Change) -> str:
    """What a change outside every step was."""
    if change.entry.is_buffer and _ran_in_train_mode(record, change.entry):
        return TRAIN_MODE
    if change.before.numel() == 1:
        change = _largest_beside(record, change)  # a single number lies on every straight line
    source, fraction = _source_of(record, change)
    if source:
        return f"{POLYAK} {source} (tau {fraction:.2g})"
    return WRITE


def _largest_beside(record: Record, change: Change) -> Change:
    """The largest tensor of the same module that was written too."""
    beside = [
        write.change
        for write in record.writes()
        if set(write.change.entry.owners) & set(change.entry.owners)
        and write.change.before.is_floating_point()
        and not write.change.entry.is_buffer
    ]
    return max([change, *beside], key=lambda each: each.before.numel())


def _ran_in_train_mode(record: Record, entry: Entry) -> bool:
    places = {f"{module}.{name}".rpartition(".")[0] for module, name in entry.names.items()}
    return any(call.training and call.label in places for call in record.calls)


def _source_of(record: Record, change: Change) -> tuple[str, float]:
    """The module that the value moved towards on a straight line, and how far (1: a copy)."""
    entry = change.entry
    if not change.before.is_floating_point():
        return "", 0.0
    step = (change.after - change.before).flatten().double()
    for other in record.inventory.entries.values():
        if other is entry or set(other.owners) & set(entry.owners):
            continue
        if other.tensor.shape != entry.tensor.shape or not _same_name(other, entry):
            continue
        for values in (record.start, record.end):
            target = values.get(id(other.tensor))
            fraction = 0.0 if target is None else _fraction(step, target, change.before)
            if fraction:
                return other.owners[0], fraction
    return "", 0.0


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
