"""The matrix of update × module, built once for the table, the page and the picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import Cell, Verdict


@dataclass(frozen=True)
class Field:
    """One cell, in words.

    Attributes:
        verdict: `leaked`, `moved by other`, ...
        lines: the grade, and the norms that there are.
    """

    kind: Verdict
    verdict: str
    lines: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Matrix:
    """Updates down, modules across.

    Attributes:
        rows: update → a field per module.
    """

    modules: tuple[str, ...]
    rows: dict[str, tuple[Field, ...]]


def matrix_of(cells: Sequence[Cell]) -> Matrix:
    """Arrange cells by update and module, in order of first sight."""
    rows: dict[str, dict[str, Field]] = {}
    for cell in cells:
        rows.setdefault(cell.update, {})[cell.module] = _field(cell)
    modules = tuple(dict.fromkeys(cell.module for cell in cells))
    return Matrix(
        modules,
        {update: tuple(fields[module] for module in modules) for update, fields in rows.items()},
    )


def in_words(verdict: Verdict) -> str:
    return verdict.replace("_", " ")


def _field(cell: Cell) -> Field:
    lines = ["reached" if cell.reached and cell.grade == 0 else _GRADES[cell.grade]]
    if cell.gradient_norm is not None:
        lines.append(f"|gradient| {cell.gradient_norm:.3g}")
    if cell.movement:
        lines.append(f"|movement| {cell.movement:.3g}")
    return Field(cell.verdict, in_words(cell.verdict), tuple(lines), cell.reason)


_GRADES = ("not touched", "zero gradient", "gradient", "moved")
