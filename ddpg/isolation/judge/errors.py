"""Errors of PyTorch that are findings, and parameters that changed before their backward pass."""

from collections.abc import Iterator

from ..contract import Contract, UpdateRow, shortened
from ..observe.autograd import FREED, IN_PLACE
from ..observe.records import UpdateRecord
from ..results import Kind, Verdict
from .problems import Problem, names_in

_MEANINGS: tuple[tuple[str, Kind, Verdict], ...] = (
    (IN_PLACE, "order", "moved_by_other"),
    (FREED, "stored", "leaked"),
    ("backward through the graph a second time", "stored", "leaked"),
    ("nference tensor", "stored", "leaked"),
    ("does not require grad and does not have a grad_fn", "reached", "starved"),
)
"""Words of the error, and the finding that they stand for."""


def is_finding(error: Exception) -> bool:
    """Return True if an audit reports the error and continues."""
    return isinstance(error, RuntimeError) and any(words in str(error) for words, _, _ in _MEANINGS)


def raised(record: UpdateRecord, contract: Contract, named: bool) -> Iterator[Problem]:
    """Yield the problems that PyTorch raised an error for.

    Args:
        named: a stored tensor is already a problem under its own name.
    """
    if record.error is None:
        return
    text = str(record.error)
    meaning = next((each for each in _MEANINGS if each[0] in text), None)
    if meaning is None:
        return
    _, kind, verdict = meaning
    if kind == "order" and any(each.outdated for each in record.passes()):
        return
    if kind == "stored" and named:
        return
    row = next((each.row for each in record.passes() if each.raised), record.row)
    sentence = text.strip().splitlines()[0].partition(" Hint: ")[0]
    for module in _blamed(record, row, contract):
        yield Problem(row, module, verdict, kind, f"{row} raised: {sentence}")


def _blamed(record: UpdateRecord, row: UpdateRow, contract: Contract) -> tuple[str, ...]:
    """Return the modules that an error is reported for; at least one.

    They are the modules that the row trains and the failed pass reached, else those that the row
    trains, else those that the update trains, else those that the failed pass reached, else those
    that the update called, else all.
    """
    whole = contract.permission(record.row)
    parts = (module for part in whole.split.values() for module in part.trains)
    failed = (each for each in record.passes() if each.raised)
    entries = record.inventory.entries
    reached = {owner: 0 for p in failed for key in p.reached for owner in entries[key].owners}
    called = (call.module for call in record.calls)
    trained = contract.permission(row).trains
    both = [module for module in trained if module in reached]
    choices = (both, trained, whole.trains, parts, reached, called)
    listed = (tuple(dict.fromkeys(choice)) for choice in choices)
    return next(filter(None, listed), tuple(contract.modules))


def outdated(record: UpdateRecord) -> Iterator[Problem]:
    """Yield parameters that changed between a forward pass and its backward pass."""
    for each in record.passes():
        for key, operation in each.outdated.items():
            entry = record.inventory.entries[key]
            silently = "" if record.error else ". PyTorch did not notice"
            for owner in entry.owners:
                names = names_in(owner, [entry])
                yield Problem(
                    each.row,
                    owner,
                    "moved_by_other",
                    "order",
                    f"{owner}.{shortened(names)} changed between the forward pass and the backward "
                    f"pass of {each.row}, which needs the old value ({operation}){silently}",
                    names,
                )
