"""Train and eval mode and `requires_grad` in the forward pass, against the declared ones."""

from collections.abc import Iterator

from ..contract import Permission, UpdateRow, shortened
from ..observe.records import ForwardCall, UpdateRecord
from .problems import Problem, names_in


def wrong_modes(record: UpdateRecord, row: UpdateRow, permission: Permission) -> Iterator[Problem]:
    """Yield modules that the row ran in other modes than the declared ones."""
    for module in permission.frozen:
        live = [call for call in _calls(record, row, module) if call.needing_grad]
        if live:
            needing, own = sum(c.needing_grad for c in live), sum(c.own for c in live)
            sentence = (
                f"{module} should be frozen, but in the forward pass {needing} of {own} "
                f"parameters of {shortened(_labels(live))} required grad"
            )
            yield _problem(row, module, sentence, live)
        elif not any(call.module == module for call in record.calls):
            yield from _reached_unfrozen(record, row, module)
    expected = dict.fromkeys(permission.eval_mode, "eval")
    trained = dict.fromkeys(permission.train_mode, "train")
    for module, mode in (*expected.items(), *trained.items()):
        wrong = [c for c in _calls(record, row, module) if c.training != (mode == "train")]
        if wrong:
            other = "eval" if mode == "train" else "train"
            sentence = f"{module} ran in {other} mode, but should run in {mode} mode"
            yield _problem(row, module, sentence, wrong)


def _reached_unfrozen(record: UpdateRecord, row: UpdateRow, module: str) -> Iterator[Problem]:
    """Yield the parameters of a module that is not called, if a pass of the row reaches them."""
    reached = {key for each in record.passes(row) for key in each.reached}
    entries = [each for each in record.inventory.by_owner[module] if id(each.tensor) in reached]
    if entries:
        names = names_in(module, entries)
        sentence = f"{row}: {module} should be frozen, but the loss has a path to it"
        yield Problem(row, module, "leaked", "modes", sentence, names, tail=" ({})")


class UncheckedModes:
    """Declared modes that no run of a row could check; `frozen` shows in the graph too."""

    def __init__(self) -> None:
        self._checked: dict[tuple[UpdateRow, str, str], bool] = {}

    def add(self, record: UpdateRecord, row: UpdateRow, permission: Permission) -> None:
        called = {call.module for call in record.calls}
        for field in ("eval_mode", "train_mode"):
            for module in getattr(permission, field):
                key = (row, module, field)
                checked = module in called or record.error is not None
                self._checked[key] = self._checked.get(key, False) or checked

    def problems(self) -> Iterator[Problem]:
        for (row, module, field), checked in self._checked.items():
            if not checked:
                sentence = (
                    f"{row}: {field}={module!r} could not be checked, since no update called "
                    f"{module} as a module"
                )
                yield Problem(row, module, "leaked", "modes", sentence)


def changed_requires_grad(record: UpdateRecord) -> Iterator[Problem]:
    """Yield parameters whose `requires_grad` is not the same after the update as before."""
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
                f"{record.update} left requires_grad={now} in {module}",
                names,
                rounds="undone",
                tail=" ({})",
            )


def _problem(row: UpdateRow, module: str, sentence: str, calls: list[ForwardCall]) -> Problem:
    return Problem(row, module, "leaked", "modes", f"{row}: {sentence}", tuple(_labels(calls)))


def _calls(record: UpdateRecord, row: UpdateRow, module: str) -> list[ForwardCall]:
    return [call for call in record.calls if call.module == module and row in call.rows]


def _labels(calls: list[ForwardCall]) -> list[str]:
    return list(dict.fromkeys(call.label for call in calls))
