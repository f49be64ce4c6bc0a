"""Problem: a finding before its path is known and before all rounds are judged together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..contract import UpdateRow, shortened
from ..observe.inventory import Entry
from ..results import Grade, Kind, Verdict

Rounds = Literal["any", "every", "last", "undone"]


@dataclass(frozen=True)
class Problem:
    """See `Finding`.

    Attributes:
        grade: None: that of the cell.
        rounds: `any`: the problem counts if it is in any round; `every`: for the tensors that no
            round shows without it; `last`: for these, and for tensors that had no problem before
            and have one since; `undone`: for the tensors that no other run changes back.
        tail: words after the message; `{}` is replaced by the tensors.
        all: number of tensors of the module. A problem of all of them has no tail.
    """

    row: UpdateRow
    module: str
    verdict: Verdict
    kind: Kind
    message: str
    tensors: tuple[str, ...] = ()
    loss: str | None = None
    grade: Grade | None = None
    rounds: Rounds = "any"
    tail: str = ""
    all: int = 0

    @property
    def text(self) -> str:
        if not self.tail or len(self.tensors) == self.all:
            return self.message
        return self.message + self.tail.replace("{}", shortened(self.tensors))

    @property
    def key(self) -> tuple[UpdateRow, str, Verdict, Kind, str | None]:
        return (self.row, self.module, self.verdict, self.kind, self.loss)


def merge(problems: Sequence[Problem]) -> list[Problem]:
    """Return one problem per key, with the tensors of all.

    A gradient that moved a module was also written; only the movement is returned.
    """
    merged: dict[tuple[object, ...], Problem] = {}
    for each in problems:
        known = merged.get(each.key)
        if known is None:
            merged[each.key] = each
        else:
            tensors = tuple(dict.fromkeys(known.tensors + each.tensors))
            merged[each.key] = replace(known, tensors=tensors)
    applied = {
        (each.row, each.module, each.loss)
        for each in merged.values()
        if (each.verdict, each.kind) == ("leaked", "moved")
    }
    return [
        each
        for each in merged.values()
        if (each.verdict, each.kind) != ("leaked", "written")
        or (each.row, each.module, each.loss) not in applied
    ]


def names_in(module: str, entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return the names of the entries within the module, in order, each once."""
    return tuple(dict.fromkeys(entry.names.get(module, entry.label) for entry in entries))
