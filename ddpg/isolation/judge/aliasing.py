"""Modules that share a parameter or storage, against which of them are declared to."""

from collections.abc import Iterator

from ..contract import Contract, UpdateRow
from ..observe.inventory import Entry, Inventory
from .problems import Problem, names_in, some


def aliased(inventory: Inventory, contract: Contract, row: UpdateRow) -> Iterator[Problem]:
    """Modules that are declared apart and are not, and those declared shared that are apart."""
    tied: dict[tuple[str, str], list[Entry]] = {}
    for entry in inventory.entries.values():
        for owner in entry.owners:
            for other in entry.owners:
                if owner != other:
                    tied.setdefault((owner, other), []).append(entry)
    for (owner, other), entries in tied.items():
        names = names_in(owner, entries)
        yield Problem(
            row,
            owner,
            "leaked",
            "aliasing",
            f"{owner} and {other} share storage ({some(names)}) and are declared apart: what "
            "trains or moves one does so to the other",
            names,
        )
    for owner, borrowers in contract.shared.items():
        for borrower in borrowers:
            together = [held for _, held in inventory.holders if {owner, borrower} <= held]
            if not together:
                yield Problem(
                    row,
                    borrower,
                    "starved",
                    "aliasing",
                    f"{borrower} is declared to share {owner}'s parameters, and shares none: what "
                    f"trains {owner} does not reach it",
                )
