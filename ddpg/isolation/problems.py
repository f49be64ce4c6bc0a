"""A problem: a finding before the paths are known, and one or more rounds have been seen."""

from collections.abc import Iterable
from dataclasses import dataclass

from ddpg.isolation.inventory import Entry
from ddpg.isolation.report import Grade, Kind, Verdict


@dataclass(frozen=True)
class Problem:
    """See `Finding`. `must_repeat`: it counts only if every round of the update shows it.

    `grade` is the cell's where it is None.
    """

    update: str
    module: str
    verdict: Verdict
    kind: Kind
    message: str
    tensors: tuple[str, ...] = ()
    loss: str | None = None
    grade: Grade | None = None
    must_repeat: bool = False

    @property
    def key(self) -> tuple[str, str, str, str, str | None]:
        return (self.update, self.module, self.verdict, self.kind, self.loss)


def names_in(module: str, entries: Iterable[Entry]) -> tuple[str, ...]:
    """Their names within the module, in order, each once."""
    return tuple(dict.fromkeys(entry.names.get(module, entry.label) for entry in entries))


def some(names: Iterable[str], most: int = 4) -> str:
    """`a, b, c and 9 more`."""
    listed = list(names)
    if len(listed) <= most:
        return ", ".join(listed)
    return f"{', '.join(listed[:most])} and {len(listed) - most} more"
