"""Matrix of update × module for the table, the page and the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import Cell, Grade, Verdict

_GRADES = ("not touched", "zero gradient", "gradient", "moved")


@dataclass(frozen=True)
class Field:
    """Texts of one cell.

    Attributes:
        kind: the cell's verdict.
        verdict: the same in words, such as `moved by other`.
        grade: the cell's grade.
        lines: the grade, and the norms that are not None or zero.
        reason: one sentence.
    """

    kind: Verdict
    verdict: str
    grade: Grade
    lines: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Matrix:
    """Texts of all cells: one row per update, one column per module.

    Attributes:
        modules: names of the columns.
        rows: update → one field per module.
    """

    modules: tuple[str, ...]
    rows: dict[str, tuple[Field, ...]]


def matrix_of(cells: Sequence[Cell]) -> Matrix:
    """Arrange cells by update and module, in the order of their first cells."""
    rows: dict[str, dict[str, Field]] = {}
    for cell in cells:
        rows.setdefault(cell.update, {})[cell.module] = _field(cell)
    modules = tuple(dict.fromkeys(cell.module for cell in cells))
    return Matrix(
        modules,
        {update: tuple(fields[module] for module in modules) for update, fields in rows.items()},
    )


def in_words(verdict: Verdict) -> str:
    """Return a verdict without underscores."""
    return verdict.replace("_", " ")


def grade_in_words(cell: Cell) -> str:
    """Return `not touched`, `reached`, `zero gradient`, `gradient` or `moved`."""
    return "reached" if cell.reached and cell.grade == 0 else _GRADES[cell.grade]


def _field(cell: Cell) -> Field:
    lines = [grade_in_words(cell)]
    if cell.gradient_norm is not None:
        lines.append(f"|gradient| {cell.gradient_norm:.3g}")
    if cell.movement:
        lines.append(f"|movement| {cell.movement:.3g}")
    return Field(cell.verdict, in_words(cell.verdict), cell.grade, tuple(lines), cell.reason)
