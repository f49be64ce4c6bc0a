"""Gradients and writes that came to a module which the update was to leave alone."""

from collections.abc import Iterator

from ..contract import Contract, Permission
from ..observe.ledger import Change
from ..observe.records import BackwardPass, OptimizerStep, UpdateRecord
from ..results import Grade
from .facts import Facts, is_nonzero
from .movers import GRADIENT, POLYAK, TRAIN_MODE, by_step, by_write
from .problems import Problem, names_in, some


def applied(record: UpdateRecord, contract: Contract) -> Iterator[Problem]:
    """Gradients that a step of this record applied, of losses that were not to train the module."""
    for step in record.steps():
        for change in step.changes:
            key = id(change.entry.tensor)
            for owner in change.entry.owners:
                for source in step.sources.get(key, ()):
                    yield from _applied(step, change, owner, source, contract)


def _applied(
    step: OptimizerStep, change: Change, owner: str, source: BackwardPass, contract: Contract
) -> Iterator[Problem]:
    key = id(change.entry.tensor)
    delivered = source.delivered.get(key)
    if delivered is None or not is_nonzero(delivered):
        return
    allowed = contract.permission(source.row)
    if not allowed.may_train(owner):
        later = "" if source.row == step.row else f" (left in .grad until {step.row})"
        yield Problem(
            source.row,
            owner,
            "leaked",
            "moved",
            f"the gradient of {source.row} moved {owner}, which it does not train: "
            f"a step of the optimizer {step.optimizer!r} applied it{later}",
            names_in(owner, [change.entry]),
            grade=Grade.MOVED,
        )
    elif not contract.permission(step.row).may_train(owner):
        shared = step.row in source.row.single_parts()
        yield Problem(
            step.row,
            owner,
            "leaked" if shared else "moved_by_other",
            "moved",
            f"a step of the optimizer {step.optimizer!r} in {step.row} moved {owner}, by "
            + (
                "the gradient of its loss" if shared else f"what {source.row} had left in its .grad"
            ),
            names_in(owner, [change.entry]),
            grade=Grade.MOVED,
        )
    for name, (_, gradients) in source.terms.items():
        permission = allowed.terms.get(name)
        given = gradients.get(key)
        if permission is None or permission.may_train(owner) or given is None:
            continue
        if is_nonzero(given):
            yield Problem(
                source.row,
                owner,
                "leaked",
                "moved",
                f"the term {name!r} of {source.row} moved {owner}, which it does not train: its "
                f"gradient is in the sum that the optimizer {step.optimizer!r} applied",
                names_in(owner, [change.entry]),
                loss=name,
                grade=Grade.MOVED,
            )


def left_behind(facts: Facts, permission: Permission) -> Iterator[Problem]:
    """Gradients that are not zero in a module which the update neither trains nor goes through."""
    module, row = facts.module, facts.row
    if not permission.may_train(module) and module not in permission.through:
        keys = facts.nonzero(facts.written)
        if keys:
            names = names_in(module, facts.entries(keys))
            yield Problem(
                row,
                module,
                "leaked",
                "written",
                f"{row} left a gradient that is not zero in {module}, which it does not train "
                f"({some(names)})",
                names,
            )
    for each in facts.record.passes(row):
        for name, (_, gradients) in each.terms.items():
            term = permission.terms.get(name)
            if term is None or term.may_train(module) or module in term.through:
                continue
            keys = facts.nonzero(facts.written) & facts.nonzero(gradients)
            if keys:
                names = names_in(module, facts.entries(keys))
                yield Problem(
                    row,
                    module,
                    "leaked",
                    "written",
                    f"the term {name!r} of {row} wrote a gradient that is not zero in {module}, "
                    f"which it does not train ({some(names)})",
                    names,
                    loss=name,
                    grade=Grade.NONZERO,
                )


def moved_otherwise(facts: Facts, permission: Permission) -> Iterator[Problem]:
    """Values that changed without a gradient of a loss that may train them."""
    module, row = facts.module, facts.row
    causes: dict[str, list[Change]] = {}
    for step in facts.record.steps(row):
        for change in step.changes:
            key = id(change.entry.tensor)
            if key in facts.changes:
                cause = by_step(step, change)
                if cause.endswith(GRADIENT) and step.sources.get(key):
                    continue  # the sources are judged where they came from
                causes.setdefault(cause, []).append(change)
    for write in facts.record.writes(row):
        if id(write.change.entry.tensor) in facts.changes and module in write.change.entry.owners:
            cause = by_write(facts.record, write, permission.follows)
            causes.setdefault(cause, []).append(write.change)
    for cause, changes in causes.items():
        if permission.may_move(module):
            continue
        if permission.may_train(module) and not cause.startswith(POLYAK):
            continue
        names = names_in(module, [change.entry for change in changes])
        by_gradient = cause.endswith(GRADIENT)
        yield Problem(
            row,
            module,
            "leaked" if by_gradient else "moved_by_other",
            "modes" if cause == TRAIN_MODE else "moved",
            f"{row} moved {module} ({some(names)}), by: {cause}",
            names,
        )


def movers(facts: Facts, permission: Permission) -> tuple[str, ...]:
    """Everything that moved the module in this row."""
    found = [
        by_step(step, change)
        for step in facts.record.steps(facts.row)
        for change in step.changes
        if id(change.entry.tensor) in facts.changes
    ]
    found += [
        by_write(facts.record, write, permission.follows)
        for write in facts.record.writes(facts.row)
        if id(write.change.entry.tensor) in facts.changes
    ]
    return tuple(dict.fromkeys(found))
