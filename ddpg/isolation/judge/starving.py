"""Modules that an update was to train or to move, and that got nothing."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ..contract import Contract, ContractError, Permission
from ..observe.inventory import Entry
from ..observe.ledger import same_bits
from ..observe.records import UpdateRecord
from ..observe.residue import is_multiple
from ..results import SETUP, Grade, Kind, Verdict
from .facts import Facts
from .problems import Problem, When, names_in, some


def untrained(facts: Facts, contract: Contract) -> Iterator[Problem]:
    """Where, on the way from the loss to the value, the training of a module ended."""
    record, module, row = facts.record, facts.module, facts.row
    keys = facts.trainable
    stepped = {key: step for step in record.steps() for key in step.held}
    held = {key for identities in record.optimizers.values() for key in identities}
    delivered, moved = facts.nonzero(facts.delivered), facts.changes.keys()
    by_hand = facts.nonzero(facts.written) - facts.delivered.keys()
    live = delivered | (by_hand - _taken_elsewhere(facts))

    def problem(kind: Kind, which: set[int], what: str, rounds: When = "every") -> Problem:
        names = names_in(module, facts.entries(which))
        whole = "" if which == keys else f" (of {module}: {some(names)})"
        return Problem(
            row,
            module,
            "starved",
            kind,
            f"{row} was to train {module}: {what}{whole}",
            names,
            rounds=rounds,
        )

    if not keys:
        yield problem("reached", set(), "it has no parameter of its own to train")
        return
    cut = keys - facts.reached - live
    frozen = {key for key in cut if not record.required[key]}
    if frozen:
        # Left frozen by an earlier round, it stays so; a delayed update makes no pass at all.
        lasting = any(record.passes(row))
        why = "its parameters do not require grad"
        yield problem("reached", frozen, why, "last" if lasting else "every")
    if cut - frozen:
        yield problem("reached", cut - frozen, "no loss has a path to it")
    unasked = (keys & facts.reached) - facts.delivered.keys() - live
    if unasked:
        yield problem("reached", unasked, "a loss has a path to it, but delivered no gradient")
    zero = (keys & facts.delivered.keys()) - live
    if zero and not keys & live:
        yield problem("written", zero, "its gradient is exactly zero")
    used = facts.nonzero(facts.written) | facts.nonzero(facts.returned)
    lost = (keys & live) - used - moved
    if lost:
        yield problem("written", lost, "its gradient was zero, or gone, before any step used it")
    unmoved = (keys & live & used) - moved
    if contract.optimizers or record.optimizers:
        outside = unmoved - held
        if outside:
            # Starved from here on, whatever an earlier round did.
            yield problem("membership", outside, f"no optimizer holds it{_stale(record)}", "any")
        unmoved -= outside
    if unmoved:
        idle = not unmoved & stepped.keys()
        why = "no optimizer that holds it made a step" if idle else "the step did not move it"
        yield problem("moved", unmoved, f"it got a gradient, but {why}")


def _taken_elsewhere(facts: Facts) -> set[int]:
    """Parameters whose `.grad` is the gradient of a tensor that is no copy of theirs."""
    taken = [pair for each in facts.record.passes() for pair in each.elsewhere]
    found: set[int] = set()
    for key, gradient in facts.written.items():
        matching = [value for value, other in taken if is_multiple(gradient, other)]
        start = facts.record.start.get(key)
        if matching and not any(start is not None and same_bits(start, v) for v in matching):
            found.add(key)
    return found


def untrained_by_term(facts: Facts, permission: Permission) -> Iterator[Problem]:
    """Loss terms that were to train the module, and gave it nothing."""
    module, row = facts.module, facts.row
    for name, term in permission.terms.items():
        if module not in term.trains:
            continue
        seen = [p.terms[name] for p in facts.record.passes(row) if name in p.terms]
        reached = {key for keys, _ in seen for key in keys} & facts.trainable
        given = {key for _, gradients in seen for key in facts.nonzero(gradients)}
        if given & facts.trainable:
            continue
        if not seen:
            what, grade = "the term is in no loss that was differentiated", Grade.NOTHING
        elif not reached:
            what, grade = "the term has no path to it", Grade.NOTHING
        else:
            what, grade = "the term's gradient is exactly zero", Grade.ZERO
        yield Problem(
            row,
            module,
            "starved",
            "written" if reached else "reached",
            f"the term {name!r} of {row} was to train {module}: {what}",
            names_in(module, facts.entries(facts.trainable)),
            loss=name,
            grade=grade,
            rounds="every",
        )


def _stale(record: UpdateRecord) -> str:
    """Optimizers that hold tensors of the same shapes, which no module has any more."""
    known = record.inventory.entries.keys()
    orphans = {
        name: sum(key not in known for key in keys) for name, keys in record.optimizers.items()
    }
    found = [f"{name!r} holds {count} stale ones" for name, count in orphans.items() if count]
    return f"; {', '.join(found)}, which no named module has" if found else ""


def lagging(facts: Facts, source: str) -> Iterator[Problem]:
    """Tensors of a follower that did not come closer to their source by what the row wrote."""
    record, row, follower = facts.record, facts.row, facts.module
    stayed: list[Entry] = []
    strayed: list[Entry] = []
    by_name = {each[-1].entry.names.get(follower): each for each in facts.changes.values()}
    for entry, target in pairs(record, follower, source):
        changes = by_name.get(entry.names[follower])
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
    for entries, verdict, what in outcomes:
        if entries:
            names = names_in(follower, entries)
            yield Problem(
                row,
                follower,
                verdict,
                "moved",
                f"{row}: {follower} was to follow {source}, and {what} ({some(names)})",
                names,
                rounds="every" if verdict == "starved" else "any",
            )


def idle(facts: Facts, source: str) -> bool:
    """The follower was equal to its source when the update began, so that it could not lag."""
    tensors = pairs(facts.record, facts.module, source)
    return not any(_differs(facts.record, entry, facts.module, source) for entry, _ in tensors)


def _differs(record: UpdateRecord, entry: Entry, follower: str, source: str) -> bool:
    """Whether it differed from its source at both ends of the update, by what a sync would see."""
    other = record.inventory.within(source)[entry.names[follower]]
    key = id(entry.tensor)
    for values in (record.start, record.end):
        target = values.get(id(other), other).double()
        if _distance(values[key], target) <= 1e-4 * float(target.norm()):
            return False
    return True


def unequal(record: UpdateRecord, target: str, source: str) -> Iterator[Problem]:
    """Tensors of `target` whose values differ from those of `source` when the record begins."""
    entries = [
        entry
        for entry, value in pairs(record, target, source, at_start=True)
        if not bool((record.start[id(entry.tensor)] == value).all())
    ]
    if entries:
        names = names_in(target, entries)
        yield Problem(
            SETUP,
            target,
            "starved",
            "moved",
            f"{target} was to equal {source} at the start, and differs ({some(names)})",
            names,
        )


def pairs(
    record: UpdateRecord, follower: str, source: str, at_start: bool = False
) -> Iterator[tuple[Entry, Tensor]]:
    """Entries of the follower with the value of the same name in the source, at the end.

    Raises:
        ContractError: the source has no tensor of that name, or one of another shape.
    """
    sources = record.inventory.within(source)
    values = record.start if at_start else record.end
    for name, tensor in record.inventory.within(follower).items():
        entry = record.inventory.entries[id(tensor)]
        if follower not in entry.owners or entry.echo or id(tensor) not in record.start:
            continue
        if name not in sources or sources[name].shape != tensor.shape:
            raise ContractError(
                f"{follower!r} is said to follow or equal {source!r}, which has no tensor {name!r} "
                f"of shape {list(tensor.shape)}"
            )
        other = sources[name]
        if other is not tensor:
            yield entry, values.get(id(other), other)


def _rounding(target: Tensor) -> float:
    """How far (1 − tau)·x + tau·x may be from x, in its own precision."""
    return 4 * torch.finfo(target.dtype).eps * float(target.double().norm())


def _distance(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape:
        return math.inf
    return float((one.double() - other.double()).norm())
