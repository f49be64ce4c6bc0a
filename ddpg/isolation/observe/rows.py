"""Which update each event belongs to: itself, or the parts of a split one, cut at the steps."""

from itertools import permutations

from ..contract import REST, Contract, UpdateRow
from .records import BackwardPass, ForwardCall, OptimizerStep, UpdateRecord


def assign_rows(record: UpdateRecord, contract: Contract) -> None:
    """Fill in `row` of every event of the record."""
    if not contract.updates[record.update].split:
        for event in (*record.events, *record.calls):
            if isinstance(event, ForwardCall):
                event.rows = [record.row]
            else:
                event.row = record.row
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


def _row_of_raised(seen: BackwardPass, record: UpdateRecord, contract: Contract) -> UpdateRow:
    """No step came after it: the part that trains what it reached, and made the fewest steps."""
    entries = record.inventory.entries
    reached = {owner for key in seen.reached for owner in entries[key].owners}
    made = [step.optimizer for step in record.steps()]
    parts = [
        part
        for part, permission in contract.updates[record.update].split.items()
        if reached.intersection(permission.trains)
    ]
    return record.part(min(parts, key=made.count, default=REST))


def _assign_calls(record: UpdateRecord) -> None:
    """A forward call belongs to the passes whose graphs it is in, else to the next step's part."""
    for seen in record.passes():
        for call in seen.calls:
            if seen.row not in call.rows:
                call.rows.append(seen.row)
    for call in record.calls:
        if not call.rows:
            later = (e.row for e in record.events[call.before :] if isinstance(e, OptimizerStep))
            call.rows.append(next(later, record.part(REST)))
    for write in record.writes():
        if write.call is not None:
            write.row = write.call.rows[0]


def _match(passes: list[BackwardPass], steps: list[OptimizerStep]) -> None:
    """Backward passes, then steps: each step ends the update whose pass it applies.

    As many of one as of the other are matched so that every step finds gradients of its pass;
    otherwise (the backward of a sum) the passes belong to all of these steps together.
    """
    if len(passes) == len(steps) <= 5:
        for order in permutations(passes):
            if all(
                set(each.delivered) & step.held for each, step in zip(order, steps, strict=True)
            ):
                for each, step in zip(order, steps, strict=True):
                    each.row = step.row
                return
    names = tuple(dict.fromkeys(step.optimizer for step in steps))
    for each in passes:
        each.row = UpdateRow(each.row.update, names)
