"""What an audit says: cells (update × module), findings (what is wrong), and the report of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

from torch import Tensor

from ddpg.isolation.contract import Contract

if TYPE_CHECKING:
    from rich.table import Table

    from ddpg.isolation.observe.watcher import Watcher

Verdict = Literal["kept", "leaked", "starved", "moved_by_other"]
Kind = Literal["reached", "written", "moved", "membership", "aliasing", "order", "stored", "modes"]
Written = Literal["none", "zero", "nonzero"]

SETUP = "setup"  # the update of what is true before any update ran


class Grade(IntEnum):
    """How far a touch went."""

    NOTHING = 0
    ZERO = 1
    NONZERO = 2
    MOVED = 3


class ContractBrokenError(AssertionError):
    """An update did what the contract does not allow."""


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

    update: str
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


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    update: str
    module: str
    verdict: Verdict
    grade: Grade
    kind: Kind
    message: str
    loss: str | None = None
    tensors: tuple[str, ...] = ()
    path: Path | None = None


class Report:
    """What an audit found. `report[update, module]` is a cell; `findings` is what is wrong."""

    def __init__(
        self,
        contract: Contract,
        cells: Sequence[Cell],
        findings: Sequence[Finding],
        notes: Sequence[str] = (),
    ) -> None:
        self.contract = contract
        self.cells = list(cells)
        self.findings = list(findings)
        self.notes = list(notes)
        self.rerun: Callable[[Watcher], None] | None = None

    @property
    def kept(self) -> bool:
        return not self.findings

    def __getitem__(self, key: tuple[str, str]) -> Cell:
        for cell in self.cells:
            if (cell.update, cell.module) == key:
                return cell
        raise KeyError(f"the audit ran no update and module {key!r}")

    def find(
        self,
        update: str | None = None,
        module: str | None = None,
        verdict: Verdict | None = None,
        grade: int | None = None,
        kind: Kind | None = None,
        loss: str | None = None,
    ) -> list[Finding]:
        """The findings that agree with everything given."""
        wanted = {
            "update": update,
            "module": module,
            "verdict": verdict,
            "grade": grade,
            "kind": kind,
            "loss": loss,
        }
        return [
            finding
            for finding in self.findings
            if all(value is None or getattr(finding, key) == value for key, value in wanted.items())
        ]

    def assert_kept(self) -> None:
        """Raise `ContractBrokenError` with everything that is wrong, unless nothing is."""
        if self.findings:
            raise ContractBrokenError(self.summary())

    def summary(self) -> str:
        """The findings in words, with the paths."""
        if self.kept:
            return f"The contract is kept ({len(self.cells)} update × module cells)."
        count = len(self.findings)
        lines = [f"The contract is broken in {count} {'place' if count == 1 else 'places'}:"]
        for finding in self.findings:
            grade = finding.grade.name.lower()
            lines.append(
                f"- {finding.update} × {finding.module}: {finding.verdict} ({finding.kind}, "
                f"grade {finding.grade.value} {grade}): {finding.message}"
            )
            if finding.path is not None:
                lines += [f"    {line}" for line in finding.path.lines()]
        return "\n".join(lines)

    def table(self) -> "Table":
        """Update × module, each with its verdict and grade, for `rich.print`."""
        from ddpg.isolation.render.table import table

        return table(self)

    def to_json(self) -> str:
        """Cells, findings and notes as JSON; norms that are not finite as strings."""
        from ddpg.isolation.render.json import to_json

        return to_json(self)

    def to_svg(self) -> str:
        """The matrix, and each update's autograd graph folded to modules, leaks in red.

        For the graphs the updates run once more, as a dry run; a report of `watch` has none.
        """
        from ddpg.isolation.render.svg import to_svg

        return to_svg(self)

    def to_html(self) -> str:
        """One page that needs nothing else: the matrix, the findings with paths, the graphs."""
        from ddpg.isolation.render.html import to_html

        return to_html(self)
