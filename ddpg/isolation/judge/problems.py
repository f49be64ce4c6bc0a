"""A problem: a finding before the paths are known, and one or more rounds have been seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..contract import UpdateRow
from ..observe.inventory import Entry
from ..results import Grade, Kind, Verdict

When = Literal["any", "every", "last"]


@dataclass(frozen=True)
class Problem:
    """See `Finding`.

    Attributes:
        grade: the cell's where it is None.
        rounds: it counts if any round of the update shows it, only if every one does (or could),
            or also if the last one does.
    """

    row: UpdateRow
    module: str
    verdict: Verdict
    kind: Kind
    message: str
    tensors: tuple[str, ...] = ()
    loss: str | None = None
    grade: Grade | None = None
    rounds: When = "any"

    @property
    def key(self) -> tuple[UpdateRow, str, Verdict, Kind, str | None]:
        return (self.row, self.module, self.verdict, self.kind, self.loss)


def names_in(module: str, entries: Iterable[Entry]) -> tuple[str, ...]:
    """Their names within the module, in order, each once."""
    return tuple(dict.fromkeys(entry.names.get(module, entry.label) for entry in entries))


def some(names: Iterable[str], most: int = 4) -> str:
    """`a, b, c and 9 more`."""
    listed = list(names)
    if len(listed) <= most:
        return ", ".join(listed)
    return f"{', '.join(listed[:most])} and {len(listed) - most} more"
