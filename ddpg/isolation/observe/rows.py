"""Assignment of events to rows; split updates are cut at the optimizers' steps."""

from ..contract import REST, Contract, UpdateRow
from .pairing import pair
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
    pair(record, contract)
    last = next(reversed(list(record.passes())), None)
    if last is not None and last.raised:
        last.row = _row_of_raised(last, record, contract)
    _assign_calls(record)


def _row_of_raised(backward: BackwardPass, record: UpdateRecord, contract: Contract) -> UpdateRow:
    """Return the part that trains what the pass reached and made the fewest steps.

    No step follows a pass that raised an error. A pass without a graph may be any part's.
    """
    entries = record.inventory.entries
    reached = {owner for key in backward.reached for owner in entries[key].owners}
    steps = [step.row for step in record.steps()]
    rows: list[UpdateRow] = []
    for row in contract.rows_of(record.update):
        trained = contract.permission(row).trains
        if reached.intersection(trained) or (trained and not reached):
            rows.append(row)
    return min(rows, key=steps.count, default=record.part(REST))


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
