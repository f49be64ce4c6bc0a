"""The parts of a report: a cell per update and module, findings, and paths."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from torch import Tensor

from .contract import UpdateRow

Verdict = Literal["kept", "leaked", "starved", "moved_by_other"]
Kind = Literal["reached", "written", "moved", "membership", "aliasing", "order", "stored", "modes"]
Written = Literal["none", "zero", "nonzero"]

SETUP = UpdateRow("setup")
"""Row of the findings that are true before any update ran."""


class Grade(IntEnum):
    """How far a touch went."""

    NOTHING = 0
    ZERO = 1
    NONZERO = 2
    MOVED = 3


@dataclass(frozen=True)
class PathStep:
    """One operation on a path, the module it ran in, and the user's line (`file:line: code`)."""

    operation: str
    module: str = ""
    line: str = ""


@dataclass(frozen=True)
class Path:
    """From a loss to a parameter; for a starved module, to where the path ends.

    Attributes:
        steps: the operations, from the loss on.
        entry: the user's line where the path enters the module, or where it ends.
        stop: where a stop could stand and which, or what would open the path.
    """

    steps: tuple[PathStep, ...]
    entry: str
    stop: str

    def lines(self) -> list[str]:
        """For reading: where it enters, what to do, and the way in operations."""
        way = " → ".join(
            f"{step.operation} [{step.module}]" if step.module else step.operation
            for step in self.steps
        )
        return [f"path: {way}", f"at: {self.entry}", f"stop: {self.stop}"]


@dataclass
class Cell:
    """One update × one module. Norms are L2; those of stacked members have the shape `[member]`."""

    row: UpdateRow
    module: str
    verdict: Verdict = "kept"
    grade: Grade = Grade.NOTHING
    reached: bool = False
    delivered: float | None = None
    written: Written = "none"
    gradient_norm: float | None = None
    movement: float = 0.0
    movers: tuple[str, ...] = ()
    reason: str = ""
    loss: str | None = None
    grades: Tensor | None = None
    gradient_norms: Tensor | None = None
    movements: Tensor | None = None

    @property
    def update(self) -> str:
        return str(self.row)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    row: UpdateRow
    module: str
    verdict: Verdict
    grade: Grade
    kind: Kind
    message: str
    loss: str | None = None
    tensors: tuple[str, ...] = ()
    path: Path | None = None

    @property
    def update(self) -> str:
        return str(self.row)


@dataclass(eq=False)
class Results:
    """Everything that an audit found."""

    cells: list[Cell]
    findings: list[Finding]
    notes: list[str]

    @property
    def kept(self) -> bool:
        return not self.findings
