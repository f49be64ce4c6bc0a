"""Assignment of events to rows; split updates are cut at the optimizers' steps."""

from itertools import permutations

from ..contract import REST, Contract, UpdateRow
from .records import BackwardPass, OptimizerStep, UpdateRecord


def assign_rows(record: UpdateRecord, contract: Contract) -> None:
    """Set the rows of all events and forward calls of the record."""
    if not contract.updates[record.update].split:
        for event in record.events:
            event.row = record.row
        for call in record.calls:
            call.rows = [record.row]
        return
    for event in record.events:
        event.row = record.part(REST)
    passes: list[BackwardPass] = []
    steps: list[OptimizerStep] = []
    for event in record.events:
        if isinstance(event, BackwardPass):
            if steps:
                _match(passes, steps)
                passes, steps = [], []
            passes.append(event)
        elif isinstance(event, OptimizerStep):
            event.row = record.part(event.optimizer)
            steps.append(event)
    if steps:
        _match(passes, steps)
    elif passes and passes[-1].raised:
        passes[-1].row = _row_of_raised(passes[-1], record, contract)
    _assign_calls(record)


def _match(passes: list[BackwardPass], steps: list[OptimizerStep]) -> None:
    """Set the rows of backward passes that are followed by optimizer steps.

    With as many passes as steps each pass gets the row of a step that applies its gradients.
    Otherwise (the backward pass of a sum) the passes belong to all these steps together.
    """
    if len(passes) == len(steps) <= 5:
        for order in permutations(passes):
            pairs = list(zip(order, steps, strict=True))
            if all(set(backward.delivered) & step.held for backward, step in pairs):
                for backward, step in pairs:
                    backward.row = step.row
                return
    names = tuple(dict.fromkeys(step.optimizer for step in steps))
    for backward in passes:
        backward.row = UpdateRow(backward.row.update, names)


def _row_of_raised(backward: BackwardPass, record: UpdateRecord, contract: Contract) -> UpdateRow:
    """Return the part that trains what the pass reached and made the fewest steps.

    No step follows a pass that raised an error. A pass without a graph may be any part's.
    """
    entries = record.inventory.entries
    reached = {owner for key in backward.reached for owner in entries[key].owners}
    steps = [step.optimizer for step in record.steps()]
    parts = [
        part
        for part, permission in contract.updates[record.update].split.items()
        if reached.intersection(permission.trains) or (permission.trains and not reached)
    ]
    return record.part(min(parts, key=steps.count, default=REST))


def _assign_calls(record: UpdateRecord) -> None:
    """Set the rows of forward calls: of the passes whose graphs have it, else of the next step."""
    for backward in record.passes():
        for call in backward.calls:
            if backward.row not in call.rows:
                call.rows.append(backward.row)
    for call in record.calls:
        if not call.rows:
            later = (e.row for e in record.events[call.before :] if isinstance(e, OptimizerStep))
            call.rows.append(next(later, record.part(REST)))
    for write in record.writes():
        if write.call is not None:
            write.row = write.call.rows[0]
