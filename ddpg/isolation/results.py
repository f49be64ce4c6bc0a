"""Results of an audit: cells, findings and paths."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from torch import Tensor

from .contract import UpdateRow

Verdict = Literal["kept", "leaked", "starved", "moved_by_other"]
Kind = Literal["reached", "written", "moved", "membership", "aliasing", "order", "stored", "modes"]
Written = Literal["none", "zero", "nonzero"]

SETUP = UpdateRow("setup")
"""Row of the findings that exist before any update runs."""


UNASKED = "a loss has a path to it, but delivered no gradient"
"""Reason of a finding about `backward(inputs=...)` or `autograd.grad`."""


class Grade(IntEnum):
    """Strongest effect of an update on a module."""

    NOTHING = 0
    ZERO = 1
    NONZERO = 2
    MOVED = 3


@dataclass(frozen=True)
class PathStep:
    """One operation on a path, its module, and the user's line (`file:line: code`)."""

    operation: str
    module: str = ""
    line: str = ""


@dataclass(frozen=True)
class Path:
    """Path from a loss to a parameter; for a starved module, to the operation where it ends.

    Attributes:
        steps: operations, from the loss on.
        entry: the user's line where the path enters the module, or where it ends.
        stop: advice: where to stop the gradient and how, or why the path ends.
    """

    steps: tuple[PathStep, ...]
    entry: str
    stop: str

    def lines(self) -> list[str]:
        """Return the path as lines of text: operations, the user's line if known, and the stop."""
        operations = " → ".join(
            f"{step.operation} [{step.module}]" if step.module else step.operation
            for step in self.steps
        )
        at = [f"at: {self.entry}"] if self.entry else []
        return [f"path: {operations}", *at, f"stop: {self.stop}"]


@dataclass(frozen=True)
class Route:
    """Path from a loss to a module, with the user's lines of the backward pass and of the entry."""

    loss: str
    steps: tuple[PathStep, ...]
    entry: str


@dataclass
class Cell:
    """One update × one module. Norms are L2; grades and norms of members are `[member]`."""

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
    """One violation of the contract.

    Attributes:
        path: None if the finding is not about a gradient, or if the path is missing.
        no_path: why the path is missing.
    """

    row: UpdateRow
    module: str
    verdict: Verdict
    grade: Grade
    kind: Kind
    message: str
    loss: str | None = None
    tensors: tuple[str, ...] = ()
    path: Path | None = None
    no_path: str = ""

    @property
    def update(self) -> str:
        return str(self.row)


@dataclass(eq=False)
class Results:
    """Cells, findings and notes of an audit."""

    cells: list[Cell]
    findings: list[Finding]
    notes: list[str]

    @property
    def kept(self) -> bool:
        return not self.findings
