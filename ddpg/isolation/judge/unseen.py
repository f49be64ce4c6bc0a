"""Effects that the runs until now cannot show, so that the audit needs another round."""

from collections import Counter
from collections.abc import Sequence

from ..contract import Contract, UpdateRow
from ..observe.ledger import is_nonzero
from ..observe.records import BackwardPass, OptimizerStep, UpdateRecord

_RUNS = 2
"""Runs of a part that show the effects of one run on the next."""


def unseen(records: Sequence[UpdateRecord], contract: Contract) -> str:
    """Return an effect that no run has shown yet, as a sentence; empty if there is none."""
    for update in dict.fromkeys(record.update for record in records):
        own = [record for record in records if record.update == update]
        for row in contract.rows_of(update):
            runs = sum(_ran(record, row) for record in own)
            if contract.permission(row).trains and runs < _RUNS:
                return f"{row} {('never ran', 'ran once')[runs]}"
    for (row, optimizer), seen in _left_gradients(records).items():
        if not seen:
            return (
                f"{row} left a gradient in a parameter of {optimizer!r}, which did not step since"
            )
    return ""


def _ran(record: UpdateRecord, row: UpdateRow) -> bool:
    return record.error is not None or any(
        isinstance(event, BackwardPass | OptimizerStep)
        and (event.row == row or row in event.row.single_parts())
        for event in record.events
    )


def _left_gradients(records: Sequence[UpdateRecord]) -> dict[tuple[UpdateRow, str], bool]:
    """Return (row that leaves a gradient, optimizer that holds it) → True if it stepped later.

    Only optimizers that step at all are included.
    """
    steps = Counter(step.optimizer for record in records for step in record.steps())
    left: dict[tuple[UpdateRow, str], bool] = {}
    for record in records:
        stepping = {step.optimizer for step in record.steps()}
        for row, optimizer in left:
            left[row, optimizer] |= optimizer in stepping
        for each in record.passes():
            keys = each.delivered.keys() & record.gradients_after.keys()
            keys = {key for key in keys if is_nonzero(record.gradients_after[key])}
            for optimizer, held in record.optimizers.items():
                foreign = optimizer not in each.row.parts and not keys.isdisjoint(held)
                if each.accumulates and foreign and steps[optimizer]:
                    left.setdefault((each.row, optimizer), False)
    return left
