"""Errors of PyTorch that are findings: it says itself what the audit looks for."""

from collections.abc import Iterator

from ..contract import Contract
from ..observe.passes import FREED, IN_PLACE
from ..observe.records import UpdateRecord
from ..results import Kind, Verdict
from .problems import Problem, names_in, some

_MEANT: tuple[tuple[str, Kind, Verdict], ...] = (
    (IN_PLACE, "order", "moved_by_other"),
    (FREED, "stored", "leaked"),
    ("backward through the graph a second time", "stored", "leaked"),
    ("nference tensor", "stored", "leaked"),
    ("does not require grad and does not have a grad_fn", "reached", "starved"),
)


def is_finding(error: Exception) -> bool:
    """Whether the error is one of those that an audit reports and goes on."""
    return isinstance(error, RuntimeError) and any(words in str(error) for words, *_ in _MEANT)


def raised(record: UpdateRecord, contract: Contract, named: bool) -> Iterator[Problem]:
    """What PyTorch raised for. `named`: a stored tensor was already found by its name."""
    if record.error is None:
        return
    first_line = str(record.error).strip().splitlines()[0]
    meant = [each for each in _MEANT if each[0] in str(record.error)]
    if not meant:
        return
    _, kind, verdict = meant[0]
    row = next((each.row for each in record.passes() if each.raised), record.row)
    permission = contract.permission(row)
    modules = permission.trains or tuple(
        module for part in permission.split.values() for module in part.trains
    )
    if kind == "order" and any(each.outdated for each in record.passes()):
        return
    if kind == "stored" and named:
        return
    for module in modules:
        yield Problem(row, module, verdict, kind, f"{row} raised: {first_line}")


def outdated(record: UpdateRecord) -> Iterator[Problem]:
    """Parameters that changed between the forward pass and the backward pass that needs them."""
    for seen in record.passes():
        for key, operation in seen.outdated.items():
            entry = record.inventory.entries[key]
            silent = "" if record.error else ", and PyTorch did not notice"
            for owner in entry.owners:
                names = names_in(owner, [entry])
                yield Problem(
                    seen.row,
                    owner,
                    "moved_by_other",
                    "order",
                    f"{owner}.{some(names)} changed between the forward pass and the backward "
                    f"pass of {seen.row}, which needs the old value ({operation}){silent}",
                    names,
                )
