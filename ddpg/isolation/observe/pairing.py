"""Pairs of backward passes and optimizer steps in a split update.

A pass belongs to the step that applies its gradients. If several steps could apply them, as when
the loss of an actor goes through a critic, the contract decides: the pass belongs to the step whose
part allows most of what the pass delivered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..contract import REST, Contract, Permission, UpdateRow
from .records import BackwardPass, OptimizerStep, UpdateRecord


@dataclass(eq=False)
class _Pass:
    """A backward pass with the indices of the steps that could apply its gradients.

    Attributes:
        owners: modules that it delivered gradients to.
        near: steps between this pass and the first pass after them.
        chosen: indices of the steps that it belongs to.
    """

    backward: BackwardPass
    owners: set[str]
    candidates: list[int]
    near: set[int]
    chosen: list[int] = field(default_factory=list)


def pair(record: UpdateRecord, contract: Contract) -> None:
    """Set the rows of the backward passes and steps of a split update."""
    steps = list(record.steps())
    for step in steps:
        step.row = _part_of(step, contract)
    passes = _passes(record, steps)
    permissions = [contract.permission(step.row) for step in steps]
    _choose_one_each(passes, permissions)
    _cover_all(passes, permissions)
    _set_rows(passes, steps, contract)
    for each in passes:
        if not each.chosen and each.owners:
            each.backward.row = _row_without_step(each, steps, contract)


def _part_of(step: OptimizerStep, contract: Contract) -> UpdateRow:
    """Return the declared part of the step's optimizer, alone or with others, else a new part."""
    alone = UpdateRow(step.row.update, (step.optimizer,))
    rows = contract.rows_of(step.row.update)
    return next((row for row in (alone, *rows) if row in rows and _has(row, step)), alone)


def _has(row: UpdateRow, step: OptimizerStep) -> bool:
    return step.optimizer in row.parts


def _passes(record: UpdateRecord, steps: Sequence[OptimizerStep]) -> list[_Pass]:
    passes: list[_Pass] = []
    for index, event in enumerate(record.events):
        if isinstance(event, BackwardPass):
            later = record.events[index + 1 :]
            count = sum(isinstance(e, OptimizerStep) for e in later)
            first = len(steps) - count
            near = _until_next_pass(later, first)
            applying = [i for i, step in enumerate(steps) if _applies(step, event)]
            holding = [i for i in near if event.delivered.keys() & steps[i].held]
            entries = record.inventory.entries
            owners = {owner for key in event.delivered for owner in entries[key].owners}
            passes.append(_Pass(event, owners, applying or sorted(holding), near))
    return passes


def _until_next_pass(later: Iterable[object], first: int) -> set[int]:
    """Return the indices of the steps between a pass and the next pass after them."""
    near: set[int] = set()
    for event in later:
        if isinstance(event, OptimizerStep):
            near.add(first + len(near))
        elif isinstance(event, BackwardPass) and near:
            break
    return near


def _applies(step: OptimizerStep, backward: BackwardPass) -> bool:
    return any(backward in sources for sources in step.sources.values())


def _choose_one_each(passes: Sequence[_Pass], permissions: Sequence[Permission]) -> None:
    """Choose one step for each pass, so that as many steps as possible have a pass."""
    edges = [
        ((step not in each.near, _foreign(each, permissions, [step]), rank), each, step)
        for each in passes
        for rank, step in enumerate(each.candidates)
    ]
    covered: set[int] = set()
    for _, each, step in sorted(edges, key=lambda edge: edge[0]):
        if not each.chosen and step not in covered:
            each.chosen = [step]
            covered.add(step)
    for each in passes:
        if each.candidates and not each.chosen:
            best = min(
                each.candidates,
                key=lambda i, each=each: (_foreign(each, permissions, [i]), i not in each.near),
            )
            each.chosen = [best]


def _cover_all(passes: Sequence[_Pass], permissions: Sequence[Permission]) -> None:
    """Add each step without a pass to the pass that delivered its gradients."""
    for step in range(len(permissions)):
        able = [each for each in passes if step in each.candidates]
        if able and not any(step in each.chosen for each in able):
            best = min(
                able,
                key=lambda each: (
                    _foreign(each, permissions, [*each.chosen, step])
                    - _foreign(each, permissions, each.chosen)
                ),
            )
            best.chosen = sorted([*best.chosen, step])


def _foreign(each: _Pass, permissions: Sequence[Permission], steps: Sequence[int]) -> int:
    """Return the number of modules with a gradient that none of the steps' parts allows."""
    allowed = {
        module
        for index in steps
        for names in (
            permissions[index].trains,
            permissions[index].optional,
            permissions[index].through,
        )
        for module in names
    }
    return len(each.owners - allowed)


def _set_rows(passes: Sequence[_Pass], steps: Sequence[OptimizerStep], contract: Contract) -> None:
    """Set the rows of passes and of steps that share a pass.

    The step of an optimizer that no part names belongs to the part that shares its pass.
    """
    following: UpdateRow | None = None
    for each in reversed(passes):
        own = [steps[index] for index in each.chosen]
        rows = [step.row for step in own]
        declared = contract.rows_of(each.backward.row.update)
        rows = [row for row in rows if row in declared] or rows
        if not rows and following is not None and not each.owners:
            rows = [following]  # such as the inner gradient of a gradient penalty
        if not rows:
            continue
        names = tuple(dict.fromkeys(part for row in rows for part in row.parts))
        row = next((row for row in declared if set(row.parts) == set(names)), None)
        each.backward.row = following = row or UpdateRow(each.backward.row.update, names)
        for step in own:
            if row is not None and step.row != row:
                step.row = row


def _row_without_step(each: _Pass, steps: Sequence[OptimizerStep], contract: Contract) -> UpdateRow:
    """Return the row of a pass whose gradients no step of this update applies.

    The pass belongs to the part that trains what it reached if that part made no step, or could
    not: a GradScaler leaves out the step if a gradient is not finite. Otherwise it belongs to a
    step that follows, such as that of an actor whose loss reaches the critic alone.
    """
    update = each.backward.row.update
    finite = all(bool(gradient.isfinite().all()) for gradient in each.backward.delivered.values())
    training = [
        row
        for row in contract.rows_of(update)
        if each.owners.intersection(contract.permission(row).trains)
        and not _foreign(each, [contract.permission(row)], [0])
    ]
    stepped = {step.row for step in steps}
    for row in training:
        if not finite or row not in stepped:
            return row
    near = [steps[index].row for index in sorted(each.near)]
    if near:
        return min(near, key=lambda row: _foreign(each, [contract.permission(row)], [0]))
    return UpdateRow(update, (REST,))
