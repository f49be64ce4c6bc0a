"""Modules that an update should train, and that were not trained."""

from collections.abc import Iterator

from ..contract import Contract, Permission
from ..observe.gradient_sources import is_multiple
from ..observe.ledger import same_bits
from ..observe.records import UpdateRecord
from ..results import UNASKED, Grade, Kind
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
        rounds = "last" if facts.passes else "every"
        reason = "its parameters do not require grad"
        yield _untrained(facts, "reached", frozen, reason, rounds)
    if cut - frozen:
        reason = "no loss has a path to it" if facts.passes else "it ran no backward pass"
        yield _untrained(facts, "reached", cut - frozen, reason)
    unasked = (keys & facts.reached) - facts.delivered.keys() - live
    if unasked:
        yield _untrained(facts, "reached", unasked, UNASKED)
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
    return Problem(
        facts.row,
        facts.module,
        "starved",
        kind,
        f"{facts.row} should train {facts.module}: {reason}",
        names_in(facts.module, facts.entries(keys)),
        rounds=rounds,
        tail=f" (of {facts.module}: {{}})",
        all=len(names_in(facts.module, facts.entries(facts.trainable))),
    )


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
