"""Gradients of one parameter that a step applies to another: `.grad` was written by hand."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from ..contract import shortened
from ..observe.gradient_sources import is_multiple
from ..observe.inventory import Entry
from ..observe.ledger import same_bits
from ..observe.records import OptimizerStep, UpdateRecord
from ..results import Grade
from .problems import Problem, names_in


def borrowed(record: UpdateRecord) -> Iterator[Problem]:
    """Yield modules that a step moved by the gradient of another module.

    A gradient that equals one of its own is its own. Two parameters with equal values are copies of
    each other, as in A3C, where each worker writes its gradients to the shared network.
    """
    delivered: dict[int, list[Tensor]] = {}
    for each in record.passes():
        for key, gradient in each.delivered.items():
            delivered.setdefault(key, []).append(gradient)
    for step in record.steps():
        taken: dict[tuple[str, str], list[Entry]] = {}
        for key, gradient in step.gradients.items():
            if gradient.numel() > 1 and gradient.any() and key in record.start:
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
    if _is_one_of(gradient, delivered.get(key, [])):
        return None
    entry = record.inventory.entries[key]
    for other_key, gradients in delivered.items():
        other = record.inventory.entries[other_key]
        if set(other.owners) & set(entry.owners) or other_key not in record.start:
            continue
        if not same_bits(record.start[key], record.start[other_key]) and _is_one_of(
            gradient, gradients
        ):
            return other
    return None


def _is_one_of(gradient: Tensor, others: Sequence[Tensor]) -> bool:
    """Return True if the gradient is a multiple of one of these or of their sum."""
    if not others or gradient.shape != others[0].shape:
        return False
    sums = [others[0]]
    for each in others[1:]:
        sums.append(sums[-1] + each)
    return any(is_multiple(gradient, each) for each in (*others, *sums[1:]))


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
