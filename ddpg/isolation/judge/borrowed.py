"""Gradients of one parameter that a step applies to another: `.grad` was written by hand."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..contract import shortened
from ..observe.gradient_sources import is_multiple
from ..observe.inventory import Entry
from ..observe.ledger import is_nonzero, same_bits
from ..observe.precision import in_float64
from ..observe.records import OptimizerStep, UpdateRecord
from ..results import Grade
from .problems import Problem, names_in

_FEW = 4


def borrowed(record: UpdateRecord) -> Iterator[Problem]:
    """Yield modules that a step moved by the gradient of another module.

    A gradient that equals one of its own is its own. Two parameters that had equal values are
    copies of each other, as in A3C, where each worker writes its gradients to the shared network.
    """
    delivered: dict[int, list[Tensor]] = {}
    for each in record.passes():
        for key, gradient in each.delivered.items():
            delivered.setdefault(key, []).append(gradient)
    for step in record.steps():
        taken: dict[tuple[str, str], list[Entry]] = {}
        for key, gradient in step.gradients.items():
            if gradient.numel() > 1 and is_nonzero(gradient) and key in record.start:
                other = _lender(record, key, gradient, delivered)
                if other is not None:
                    entry = record.inventory.entries[key]
                    taken.setdefault((entry.owners[0], other.owners[0]), []).append(entry)
        for (module, other), entries in taken.items():
            yield _problem(step, module, other, entries)


def _lender(
    record: UpdateRecord, key: int, gradient: Tensor, delivered: dict[int, list[Tensor]]
) -> Entry | None:
    """Return the entry whose gradient this is; None if it is its own, or unknown."""
    own = delivered.get(key, [])
    if _is_one_of(gradient, own):
        return None
    entry = record.inventory.entries[key]
    for other_key, gradients in delivered.items():
        other = record.inventory.entries[other_key]
        if set(other.owners) & set(entry.owners) or other_key not in record.start:
            continue
        lent = _is_one_of(gradient, gradients) or _is_sum(gradient, own, gradients)
        if lent and not _were_equal(record, key, other_key):
            return other
    return None


def _were_equal(record: UpdateRecord, key: int, other: int) -> bool:
    """Return True if one of the two had the other's first value at a moment of the update."""
    first = {each: record.start[each] for each in (key, other)}
    values = [*first.items()]
    values += [(id(change.entry.tensor), change.after) for change in record.changes()]
    opposite = {key: first[other], other: first[key]}
    return any(each in opposite and same_bits(value, opposite[each]) for each, value in values)


def _is_one_of(gradient: Tensor, others: Sequence[Tensor]) -> bool:
    """Return True if the gradient is a multiple of one of these or of their sum."""
    if not others or gradient.shape != others[0].shape:
        return False
    sums = [others[0]]
    for each in others[1:]:
        sums.append(sums[-1] + each)
    return any(is_multiple(gradient, each) for each in (*others, *sums[1:]))


def _is_sum(gradient: Tensor, own: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Return True if the gradient is a sum of multiples of its own and of the others'.

    Two vectors of two numbers add up to any third one, so a few numbers show nothing.
    """
    if not own or not others or gradient.shape != others[0].shape:
        return False
    direction = torch.stack([*own]).sum(dim=0)
    rests = [_without(each, direction) for each in (gradient, torch.stack([*others]).sum(dim=0))]
    shows = all(int(each.count_nonzero()) > _FEW for each in (gradient, direction, *rests))
    return shows and is_multiple(*rests)


def _without(tensor: Tensor, direction: Tensor) -> Tensor:
    """Return the part of a tensor that is orthogonal to a direction."""
    one, two = in_float64(tensor), in_float64(direction)
    length = (two * two).sum()
    return one - two * ((one * two).sum() / length) if length else one


def _problem(step: OptimizerStep, module: str, other: str, entries: Sequence[Entry]) -> Problem:
    names = names_in(module, entries)
    return Problem(
        step.row,
        module,
        "leaked",
        "moved",
        f"a step of the optimizer {step.optimizer!r} in {step.row} moved {module} "
        f"({shortened(names)}) by the gradient of {other}, which was written to .grad",
        names,
        grade=Grade.MOVED,
    )
