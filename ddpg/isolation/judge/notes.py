"""What is worth knowing about an audit, and breaks nothing."""

from collections.abc import Sequence

from ..contract import Contract
from ..observe.records import UpdateRecord
from ..observe.residue import BEFORE


def notes_on(records: Sequence[UpdateRecord], contract: Contract) -> list[str]:
    """Optimizers that nobody named, tensors of no module, gradients from before the audit."""
    notes: list[str] = []
    for record in records:
        known = record.inventory.entries.keys()
        notes += [
            f"an optimizer that the contract does not name made a step: {name}"
            for name in record.optimizers
            if name not in contract.optimizers
        ]
        for name, keys in record.optimizers.items():
            others = sum(key not in known for key in keys)
            if others:
                notes.append(f"the optimizer {name!r} holds {others} tensors of no named module")
        for seen in record.passes():
            if len(seen.row.parts) > 1 and not seen.terms:
                notes.append(
                    f"one backward pass leads to the steps of {seen.row}: name its losses with "
                    "term() to tell whose gradient moved what"
                )
            unknown = seen.terms.keys() - contract.permission(seen.row).terms.keys()
            notes += [
                f"{seen.row} marks the loss term {name!r}, which the contract does not name"
                for name in sorted(unknown)
            ]
        own = set(record.passes())
        for step in record.steps():
            sources = [source for each in step.sources.values() for source in each]
            applied = f"in {step.row}, a step of {step.optimizer!r} applied what"
            if any(source.row == BEFORE for source in sources):
                notes.append(f"{applied} lay in .grad before the audit began")
            earlier = {s.row for s in sources if s.row != BEFORE and s not in own}
            notes += [
                f"{applied} an earlier run of {row} had left in .grad: no zero_grad came between"
                for row in sorted(earlier, key=str)
            ]
    return list(dict.fromkeys(notes))
