"""Modules that an update should train or move, and that were not trained or moved."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ..contract import Contract, ContractError, Permission, shortened
from ..observe.gradient_sources import is_multiple
from ..observe.inventory import Entry
from ..observe.ledger import same_bits
from ..observe.records import UpdateRecord
from ..results import SETUP, Grade, Kind, Verdict
from .facts import Facts
from .problems import Problem, Rounds, names_in


def untrained(facts: Facts, contract: Contract) -> Iterator[Problem]:
    """Yield trainable parameters that were not trained, by the step that failed.

    The steps: a path from the loss, a gradient, an optimizer that holds the parameter, a movement.
    """
    if not facts.trainable:
        yield _untrained(facts, "reached", set(), f"{facts.module} has no parameters of its own")
        return
    delivered = facts.nonzero(facts.delivered)
    by_hand = facts.nonzero(facts.written) - facts.delivered.keys()
    live = delivered | (by_hand - _gradients_of_others(facts))
    yield from _without_gradient(facts, live)
    used = facts.nonzero(facts.written) | facts.nonzero(facts.returned)
    moved = facts.changes.keys()
    lost = (facts.trainable & live) - used - moved
    if lost:
        reason = "its gradient was zeroed or cleared before any step used it"
        yield _untrained(facts, "written", lost, reason)
    yield from _unmoved(facts, (facts.trainable & live & used) - moved, contract)


def _without_gradient(facts: Facts, live: set[int]) -> Iterator[Problem]:
    """Yield parameters that got no gradient, or only zeros.

    Args:
        live: parameters with a non-zero gradient.
    """
    record, keys = facts.record, facts.trainable
    cut = keys - facts.reached - live
    frozen = {key for key in cut if not record.required[key]}
    if frozen:
        # Parameters that an earlier round froze stay frozen; a delayed update has no pass at all.
        rounds = "last" if any(record.passes(facts.row)) else "every"
        reason = "its parameters do not require grad"
        yield _untrained(facts, "reached", frozen, reason, rounds)
    if cut - frozen:
        yield _untrained(facts, "reached", cut - frozen, "no loss has a path to it")
    unasked = (keys & facts.reached) - facts.delivered.keys() - live
    if unasked:
        reason = "a loss has a path to it, but delivered no gradient"
        yield _untrained(facts, "reached", unasked, reason)
    zero = (keys & facts.delivered.keys()) - live
    if zero and not keys & live:
        yield _untrained(facts, "written", zero, "its gradient is exactly zero")


def _unmoved(facts: Facts, unmoved: set[int], contract: Contract) -> Iterator[Problem]:
    """Yield parameters that got a gradient and did not move."""
    record = facts.record
    if contract.optimizers or record.optimizers:
        outside = unmoved - {key for keys in record.optimizers.values() for key in keys}
        if outside:
            # The parameters of all later rounds are in no optimizer either.
            reason = f"no optimizer holds it{_stale(record)}"
            yield _untrained(facts, "membership", outside, reason, "any")
        unmoved = unmoved - outside
    if unmoved:
        stepped = {key for step in record.steps() for key in step.held}
        reason = "the step did not move it"
        if not unmoved & stepped:
            reason = "no optimizer that holds it made a step"
        yield _untrained(facts, "moved", unmoved, f"it got a gradient, but {reason}")


def _untrained(
    facts: Facts, kind: Kind, keys: set[int], reason: str, rounds: Rounds = "every"
) -> Problem:
    names = names_in(facts.module, facts.entries(keys))
    part = "" if keys == facts.trainable else f" (of {facts.module}: {shortened(names)})"
    message = f"{facts.row} should train {facts.module}: {reason}{part}"
    return Problem(facts.row, facts.module, "starved", kind, message, names, rounds=rounds)


def _gradients_of_others(facts: Facts) -> set[int]:
    """Return the parameters whose `.grad` is the gradient of a tensor with other values."""
    elsewhere = [pair for each in facts.record.passes() for pair in each.elsewhere]
    keys: set[int] = set()
    for key, gradient in facts.written.items():
        matching = [value for value, other in elsewhere if is_multiple(gradient, other)]
        start = facts.record.start.get(key)
        if matching and not any(start is not None and same_bits(start, v) for v in matching):
            keys.add(key)
    return keys


def _stale(record: UpdateRecord) -> str:
    """Return the end of a sentence: optimizers that hold tensors of no named module."""
    stale = {
        name: sum(key not in record.inventory.entries for key in keys)
        for name, keys in record.optimizers.items()
    }
    parts = [f"{name!r} holds {count} stale parameters" for name, count in stale.items() if count]
    return f"; {', '.join(parts)} of no named module" if parts else ""


def untrained_by_term(facts: Facts, permission: Permission) -> Iterator[Problem]:
    """Yield loss terms that should train the module, and gave it no gradient."""
    module, row = facts.module, facts.row
    for name, term in permission.terms.items():
        if module not in term.trains:
            continue
        seen = [each.terms[name] for each in facts.record.passes(row) if name in each.terms]
        reached = {key for keys, _ in seen for key in keys} & facts.trainable
        nonzero = {key for _, gradients in seen for key in facts.nonzero(gradients)}
        if nonzero & facts.trainable:
            continue
        if not seen:
            reason, grade = "no differentiated loss contains the term", Grade.NOTHING
        elif not reached:
            reason, grade = "the term has no path to it", Grade.NOTHING
        else:
            reason, grade = "the gradient of the term is exactly zero", Grade.ZERO
        yield Problem(
            row,
            module,
            "starved",
            "written" if reached else "reached",
            f"the term {name!r} of {row} should train {module}: {reason}",
            names_in(module, facts.entries(facts.trainable)),
            loss=name,
            grade=grade,
            rounds="every",
        )


def lagging(facts: Facts, source: str) -> Iterator[Problem]:
    """Yield tensors of a follower that the row did not move closer to their source."""
    record, row, follower = facts.record, facts.row, facts.module
    stayed: list[Entry] = []
    strayed: list[Entry] = []
    changes_of = {each[-1].entry.names.get(follower): each for each in facts.changes.values()}
    for entry, target in _pairs(record, follower, source):
        changes = changes_of.get(entry.names[follower])
        before = changes[0].before if changes else record.end[id(entry.tensor)]
        after = changes[-1].after if changes else before
        if not before.is_floating_point():
            continue
        was, now = _distance(before, target), _distance(after, target)
        if now > was + _rounding(target):
            strayed.append(entry)
        elif now == was and _differs(record, entry, follower, source):
            stayed.append(entry)
    outcomes: tuple[tuple[list[Entry], Verdict, str], ...] = (
        (stayed, "starved", "did not come closer"),
        (strayed, "moved_by_other", "moved away"),
    )
    for entries, verdict, outcome in outcomes:
        if entries:
            names = names_in(follower, entries)
            yield Problem(
                row,
                follower,
                verdict,
                "moved",
                f"{row}: {follower} should follow {source}, but {outcome} ({shortened(names)})",
                names,
                rounds="every" if verdict == "starved" else "any",
            )


def is_idle(facts: Facts, source: str) -> bool:
    """Return True if the follower equalled its source, so that it could not come closer."""
    pairs = _pairs(facts.record, facts.module, source)
    return not any(_differs(facts.record, entry, facts.module, source) for entry, _ in pairs)


def unequal(record: UpdateRecord, target: str, source: str) -> Iterator[Problem]:
    """Yield tensors of `target` that do not equal those of `source` when the record begins."""
    entries = [
        entry
        for entry, value in _pairs(record, target, source, at_start=True)
        if not bool((record.start[id(entry.tensor)] == value).all())
    ]
    if entries:
        names = names_in(target, entries)
        yield Problem(
            SETUP,
            target,
            "starved",
            "moved",
            f"{target} should equal {source} at the start, but differs ({shortened(names)})",
            names,
        )


def _differs(record: UpdateRecord, entry: Entry, follower: str, source: str) -> bool:
    """Return True if the entry differs from its source at both ends of the update.

    Differences up to a relative 1e-4 count as equal.
    """
    other = record.inventory.within(source)[entry.names[follower]]
    key = id(entry.tensor)
    for values in (record.start, record.end):
        target = values.get(id(other), other).double()
        if _distance(values[key], target) <= 1e-4 * float(target.norm()):
            return False
    return True


def _pairs(
    record: UpdateRecord, follower: str, source: str, at_start: bool = False
) -> Iterator[tuple[Entry, Tensor]]:
    """Yield the follower's entries with the value of the same name in the source, at the end.

    Raises:
        ContractError: the source has no tensor of that name, or one of another shape.
    """
    sources = record.inventory.within(source)
    values = record.start if at_start else record.end
    for name, tensor in record.inventory.within(follower).items():
        entry = record.inventory.entries[id(tensor)]
        if follower not in entry.owners or entry.is_alias or id(tensor) not in record.start:
            continue
        if name not in sources or sources[name].shape != tensor.shape:
            raise ContractError(
                f"{follower!r} cannot follow or equal {source!r}: {source!r} has no tensor "
                f"{name!r} of shape {list(tensor.shape)}"
            )
        other = sources[name]
        if other is not tensor:
            yield entry, values.get(id(other), other)


def _rounding(target: Tensor) -> float:
    """Return the largest rounding error of (1 − tau)·x + tau·x in the dtype of x."""
    return 4 * torch.finfo(target.dtype).eps * float(target.double().norm())


def _distance(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape:
        return math.inf
    return float((one.double() - other.double()).norm())
