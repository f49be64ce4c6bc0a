"""Attribution of value changes to optimizer steps, Polyak averages, forward passes and writes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..observe.inventory import Entry, unwrapped_name
from ..observe.ledger import Change, is_nonzero
from ..observe.precision import in_float64
from ..observe.records import OptimizerStep, UpdateRecord, Write
from .facts import Facts

GRADIENT = "gradient"
TRAIN_MODE = "forward in train mode"
WRITE = "in-place write"
IN_HOOK = "write during the step"
_SAMPLE = 2**13


@dataclass(frozen=True)
class Mover:
    """The cause of a change.

    Attributes:
        cause: `gradient`, `momentum`, `weight decay`, `in-place write`, ...; empty for a Polyak
            average.
        optimizer: the optimizer whose step made the change; empty outside of steps.
        source: the module that a Polyak average moved towards.
        tau: the fraction of the way that it moved, to two digits.
    """

    cause: str = ""
    optimizer: str = ""
    source: str = ""
    tau: float = 0.0

    def __str__(self) -> str:
        if self.source:
            return f"Polyak from {self.source} (tau {self.tau:.2g})"
        return f"{self.optimizer}: {self.cause}" if self.optimizer else self.cause


def movements(
    facts: Facts, follows: Mapping[str, str]
) -> Iterator[tuple[Mover, Change, OptimizerStep | None]]:
    """Yield each change of a module in a row, with its mover and its optimizer step, if any.

    Args:
        facts: of the row and the module.
        follows: follower → source, the declared pairs.
    """
    for step in facts.record.steps(facts.row):
        for change in step.changes:
            if id(change.entry.tensor) in facts.changes:
                mover = mover_of_step(step, change)
                if mover.cause == WRITE:  # a hook of the step wrote it, as for a Polyak average
                    row = facts.row
                    beside = [Write(row, each) for each in step.changes]
                    mover = mover_of_write(facts.record, Write(row, change), follows, beside)
                    if not mover.source:
                        mover = Mover(IN_HOOK, step.optimizer)
                yield mover, change, step
    for write in facts.record.writes(facts.row):
        entry = write.change.entry
        if id(entry.tensor) in facts.changes and facts.module in entry.owners:
            beside = facts.record.writes(write.row)
            yield mover_of_write(facts.record, write, follows, beside), write.change, None


def mover_of_step(step: OptimizerStep, change: Change) -> Mover:
    """Return the cause of a change within an optimizer step.

    If the gradient is exactly zero, only momentum or weight decay can move the parameter.
    """
    key = id(change.entry.tensor)
    gradient = step.gradients.get(key)
    if gradient is not None and is_nonzero(gradient):
        return Mover(GRADIENT, step.optimizer)
    causes: list[str] = []
    if gradient is not None:
        if key in step.momentum:
            causes.append("momentum")
        if key in step.decay:
            causes.append("weight decay")
    return Mover(" and ".join(causes) or WRITE, step.optimizer)


def mover_of_write(
    record: UpdateRecord,
    write: Write,
    follows: Mapping[str, str],
    beside: Iterable[Write],
) -> Mover:
    """Return the cause of a write; declared sources are tried first.

    Args:
        beside: writes in the same row or step.
    """
    change = write.change
    if change.entry.is_buffer and write.call is not None and write.call.training:
        return Mover(TRAIN_MODE)
    # The largest tensor gives the best estimate of tau. A single number is no evidence of a Polyak
    # average: it is on a straight line between any two others.
    largest = _largest_beside(write, beside)
    source, fraction = _source_of(record, largest, follows)
    own_source, own_fraction = source, fraction
    if largest is not change and change.before.numel() > 1:
        own_source, own_fraction = _source_of(record, change, follows)
    if not own_source:
        return Mover(WRITE)
    if own_source == source and abs(own_fraction - fraction) < 0.5 * fraction:
        own_fraction = fraction
    return Mover(source=own_source, tau=float(f"{own_fraction:.2g}"))


def _largest_beside(write: Write, beside: Iterable[Write]) -> Change:
    """Return the change of the largest tensor of the module that was written beside the write."""
    changes = [
        each.change
        for each in beside
        if set(each.change.entry.owners) & set(write.change.entry.owners)
        and each.change.before.is_floating_point()
        and not each.change.entry.is_buffer
    ]
    return max([write.change, *changes], key=lambda each: each.before.numel())


def _source_of(
    record: UpdateRecord, change: Change, follows: Mapping[str, str]
) -> tuple[str, float]:
    """Return the module that the value moved straight towards, and the fraction (1: a copy)."""
    entry = change.entry
    if not change.before.is_floating_point() or change.before.shape != change.after.shape:
        return "", 0.0
    before = _sample(change.before)
    step = _sample(change.after) - before
    declared = {follows.get(owner) for owner in entry.owners}
    others = record.inventory.entries.values()
    for other in sorted(others, key=lambda each: not set(each.owners) & declared):
        if other is entry or set(other.owners) & set(entry.owners):
            continue
        if other.tensor.shape != entry.tensor.shape or not _share_a_name(other, entry):
            continue
        for target in _values(record, id(other.tensor), change):
            fraction = _fraction(step, _sample(target), before)
            if fraction:
                return other.owners[0], fraction
    return "", 0.0


def _values(record: UpdateRecord, key: int, seen: Change) -> list[Tensor]:
    """Return all values of an entry during the update; first the value at the change `seen`."""
    values = [record.start.get(key)]
    current: Tensor | None = None
    for change in record.changes():
        if change is seen:
            current = values[-1]
        if id(change.entry.tensor) == key:
            values.append(change.after)
    values.append(record.end.get(key))
    return [value for value in (current, *values) if value is not None]


def _share_a_name(one: Entry, other: Entry) -> bool:
    names, others = (set(map(unwrapped_name, each.names.values())) for each in (one, other))
    return bool(names & others)


def _sample(tensor: Tensor) -> Tensor:
    """Return some thousand numbers of a tensor in float64: enough to see a straight line."""
    flat = tensor.flatten()
    # An odd stride, since a power of two would show few columns of a matrix.
    return in_float64(flat[:: flat.numel() // _SAMPLE | 1])


def _fraction(step: Tensor, target: Tensor, before: Tensor) -> float:
    """Return the fraction of the way to `target` that `step` is; 0.0 if it is not on the way."""
    distance = target - before
    length = float(distance @ distance)
    if length == 0.0:
        return 0.0
    fraction = float(step @ distance) / length
    error = float((step - fraction * distance).norm())
    return fraction if 0 < fraction < 1.001 and error <= 1e-2 * float(step.norm()) else 0.0
