"""Train and eval flags and `requires_grad`, as they were inside the forward pass."""

from collections.abc import Iterator

from ..contract import Permission, UpdateRow
from ..observe.records import ForwardCall, UpdateRecord
from .problems import Problem, names_in, some


def misset(record: UpdateRecord, row: UpdateRow, permission: Permission) -> Iterator[Problem]:
    """Modes other than the declared ones, in the forward calls of the row."""

    def problem(module: str, what: str, calls: list[ForwardCall]) -> Problem:
        return Problem(row, module, "leaked", "modes", f"{row}: {what}", tuple(_labels(calls)))

    for module in permission.frozen:
        live = [call for call in _calls(record, row, module) if call.needing_grad]
        if live:
            needing, own = sum(c.needing_grad for c in live), sum(c.own for c in live)
            what = (
                f"{module} was to be frozen, and inside the forward pass {needing} of {own} "
                f"parameters of {some(_labels(live))} required grad"
            )
            yield problem(module, what, live)
    for module, expected in [(m, False) for m in permission.eval_mode] + [
        (m, True) for m in permission.train_mode
    ]:
        wrong = [call for call in _calls(record, row, module) if call.training != expected]
        if wrong:
            words = ("train", "eval") if not expected else ("eval", "train")
            yield problem(
                module, f"{module} ran in {words[0]} mode, and was to be in {words[1]} mode", wrong
            )


def left_changed(record: UpdateRecord) -> Iterator[Problem]:
    """Parameters whose `requires_grad` is not what it was before the update."""
    for module, entries in record.inventory.by_owner.items():
        changed = [
            entry
            for entry in entries
            if record.required.get(id(entry.tensor)) != record.required_after.get(id(entry.tensor))
        ]
        if changed:
            names = names_in(module, changed)
            now = record.required_after.get(id(changed[0].tensor))
            yield Problem(
                record.row,
                module,
                "leaked",
                "modes",
                f"{record.update} left requires_grad {now} behind in {module} ({some(names)})",
                names,
            )


def _calls(record: UpdateRecord, row: UpdateRow, module: str) -> list[ForwardCall]:
    return [call for call in record.calls if call.module == module and row in call.rows]


def _labels(calls: list[ForwardCall]) -> list[str]:
    return list(dict.fromkeys(call.label for call in calls))
