"""Notes: observations that break nothing."""

from collections.abc import Sequence

from ..contract import Contract
from ..observe.gradient_sources import BEFORE
from ..observe.records import UpdateRecord


def notes_on(records: Sequence[UpdateRecord], contract: Contract) -> list[str]:
    """Return notes: undeclared optimizers, tensors and terms, and gradients left in `.grad`."""
    notes: list[str] = []
    for record in records:
        notes += _notes_on_optimizers(record, contract)
        for each in record.passes():
            if len(each.row.parts) > 1 and not each.terms:
                notes.append(
                    f"the steps of {each.row} share one backward pass: name its losses with "
                    "term() to see which loss moved which module"
                )
            undeclared = each.terms.keys() - contract.permission(each.row).terms.keys()
            notes += [
                f"{each.row} names the loss term {name!r}, which is not in the contract"
                for name in sorted(undeclared)
            ]
        notes += _notes_on_old_gradients(record)
    return list(dict.fromkeys(notes))


def _notes_on_optimizers(record: UpdateRecord, contract: Contract) -> list[str]:
    notes = [
        f"an optimizer that is not in the contract made a step: {name}"
        for name in record.optimizers
        if name not in contract.optimizers
    ]
    for name, keys in record.optimizers.items():
        others = sum(key not in record.inventory.entries for key in keys)
        if others:
            notes.append(f"the optimizer {name!r} holds {others} tensors of no named module")
    return notes


def _notes_on_old_gradients(record: UpdateRecord) -> list[str]:
    notes: list[str] = []
    passes = set(record.passes())
    for step in record.steps():
        sources = [source for each in step.sources.values() for source in each]
        applied = f"in {step.row}, a step of {step.optimizer!r} applied a gradient"
        if any(source.row == BEFORE for source in sources):
            notes.append(f"{applied} from before the audit")
        earlier = {s.row for s in sources if s.row != BEFORE and s not in passes}
        notes += [
            f"{applied} that an earlier run of {row} left in .grad: no zero_grad came between"
            for row in sorted(earlier, key=str)
        ]
    return notes
