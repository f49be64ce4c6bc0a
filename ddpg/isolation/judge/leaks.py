"""Gradients and changes in modules that an update should leave alone."""

from collections.abc import Iterator

from ..contract import Contract, Permission, shortened
from ..observe.ledger import Change, is_nonzero
from ..observe.records import BackwardPass, OptimizerStep, UpdateRecord
from ..results import Grade
from .facts import Facts
from .movers import GRADIENT, TRAIN_MODE, Mover, movements
from .problems import Problem, names_in


def applied(record: UpdateRecord, contract: Contract) -> Iterator[Problem]:
    """Yield gradients that a step applied to modules which their losses do not train."""
    for step in record.steps():
        for change in step.changes:
            for owner in change.entry.owners:
                for source in step.sources.get(id(change.entry.tensor), ()):
                    yield from _applied(step, change, owner, source, contract)
                    yield from _applied_terms(step, change, owner, source, contract)


def _applied(
    step: OptimizerStep, change: Change, owner: str, source: BackwardPass, contract: Contract
) -> Iterator[Problem]:
    delivered = source.delivered.get(id(change.entry.tensor))
    if delivered is None or not is_nonzero(delivered):
        return
    names = names_in(owner, [change.entry])
    if not contract.permission(source.row).may_train(owner):
        later = "" if source.row == step.row else f" (left in .grad until {step.row})"
        yield Problem(
            source.row,
            owner,
            "leaked",
            "moved",
            f"the gradient of {source.row} moved {owner}, which {source.row} does not train: "
            f"a step of the optimizer {step.optimizer!r} applied it{later}",
            names,
            grade=Grade.MOVED,
        )
    elif not contract.permission(step.row).may_train(owner):
        shared = step.row in source.row.single_parts()
        gradient = "of its loss" if shared else f"that {source.row} left in .grad"
        yield Problem(
            step.row,
            owner,
            "leaked" if shared else "moved_by_other",
            "moved",
            f"a step of the optimizer {step.optimizer!r} in {step.row} moved {owner} by the "
            f"gradient {gradient}",
            names,
            grade=Grade.MOVED,
        )


def _applied_terms(
    step: OptimizerStep, change: Change, owner: str, source: BackwardPass, contract: Contract
) -> Iterator[Problem]:
    key = id(change.entry.tensor)
    permission = contract.permission(source.row)
    delivered = source.delivered.get(key)
    if delivered is None or not is_nonzero(delivered):
        return
    for name, (_, gradients) in source.terms.items():
        term, gradient = permission.terms.get(name), gradients.get(key)
        if term is None or term.may_train(owner) or gradient is None:
            continue
        if is_nonzero(gradient):
            yield Problem(
                source.row,
                owner,
                "leaked",
                "moved",
                f"the term {name!r} of {source.row} moved {owner}, which the term does not train: "
                f"the optimizer {step.optimizer!r} applied the gradient of the sum of losses",
                names_in(owner, [change.entry]),
                loss=name,
                grade=Grade.MOVED,
            )


def left_behind(facts: Facts, permission: Permission) -> Iterator[Problem]:
    """Yield non-zero gradients in a module that the update neither trains nor goes through."""
    module, row = facts.module, facts.row
    written = facts.nonzero(facts.written)
    if written and not permission.may_train(module) and module not in permission.through:
        names = names_in(module, facts.entries(written))
        yield Problem(
            row,
            module,
            "leaked",
            "written",
            f"{row} left a non-zero gradient in {module}, which {row} does not train "
            f"({shortened(names)})",
            names,
        )
    for each in facts.record.passes(row):
        for name, (_, gradients) in each.terms.items():
            term = permission.terms.get(name)
            if term is None or term.may_train(module) or module in term.through:
                continue
            keys = written & facts.nonzero(gradients)
            if keys:
                names = names_in(module, facts.entries(keys))
                yield Problem(
                    row,
                    module,
                    "leaked",
                    "written",
                    f"the term {name!r} of {row} left a non-zero gradient in {module}, which the "
                    f"term does not train ({shortened(names)})",
                    names,
                    loss=name,
                    grade=Grade.NONZERO,
                )


def moved_otherwise(facts: Facts, permission: Permission) -> Iterator[Problem]:
    """Yield changes that no gradient of a loss which may train the module made."""
    module, row = facts.module, facts.row
    changes_by: dict[Mover, list[Change]] = {}
    for mover, change, step in movements(facts, permission.follows):
        if mover.cause == GRADIENT and step and step.sources.get(id(change.entry.tensor)):
            continue  # `applied` judges it, in the row of the backward pass
        changes_by.setdefault(mover, []).append(change)
    if permission.may_move(module):
        return
    for mover, changes in changes_by.items():
        if permission.may_train(module) and not mover.source:
            continue
        names = names_in(module, [change.entry for change in changes])
        yield Problem(
            row,
            module,
            "leaked" if mover.cause == GRADIENT else "moved_by_other",
            "modes" if mover.cause == TRAIN_MODE else "moved",
            f"{row} moved {module} ({shortened(names)}). Cause: {mover}",
            names,
        )
