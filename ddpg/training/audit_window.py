"""Audits since the last evaluation, as the matrix that TensorBoard shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ddpg.isolation.contract import UpdateRow
from ddpg.isolation.render.matrix import Matrix, matrix_of
from ddpg.isolation.results import Cell, Grade, Verdict
from ddpg.runs.csv_log import parse_number, read_rows
from ddpg.runs.tags import MODULES, QUANTITIES, RETURN_EVALUATION, SEPARATION, UPDATES

_CELLS = [(update, module) for update in UPDATES for module in MODULES]


class AuditWindow:
    """Per update, module and member, the audit with the highest grade since the last evaluation.

    A leak in one audit of many is then in the matrix.
    """

    def __init__(self) -> None:
        self.clear()

    @classmethod
    def read(cls, metrics: Path, members: int) -> Self:
        """Return the window of a resumed run.

        Args:
            metrics: `metrics.csv` of the run.
            members: members of the run.

        Raises:
            ConfigError: the file cannot be read.
        """
        _, rows = read_rows(metrics, (), members)
        evaluated = max((row.step for row in rows if RETURN_EVALUATION in row.values), default=0)
        audits: dict[int, dict[str, NDArray[np.float64]]] = {}
        for row in rows:
            for column in row.values:
                if row.step > evaluated and column.startswith(f"{SEPARATION}/"):
                    audit = audits.setdefault(row.step, _blank(members))
                    tag = column.removeprefix(f"{SEPARATION}/")
                    audit[tag][row.member] = parse_number(metrics, row, column)
        window = cls()
        for audit in audits.values():
            window.add(audit)
        return window

    def __len__(self) -> int:
        """Number of audits."""
        return self._audits

    def add(self, audit: Mapping[str, NDArray[np.float64]]) -> None:
        """Add the result of one audit, `<update>/<module>/<quantity>` -> `[member]`."""
        self._audits += 1
        if self._audits == 1:
            self._highest = dict(audit)
        for update, module in _CELLS:
            cell = f"{update}/{module}"
            higher = audit[f"{cell}/grade"] >= self._highest[f"{cell}/grade"]
            for quantity in QUANTITIES:
                tag = f"{cell}/{quantity}"
                self._highest[tag] = np.where(higher, audit[tag], self._highest[tag])

    def clear(self) -> None:
        """Start a new window."""
        self._audits = 0
        self._highest: dict[str, NDArray[np.float64]] = {}

    def matrix(self, member: int) -> Matrix:
        """Return the matrix of a member that was audited."""
        return matrix_of([self._cell(update, module, member) for update, module in _CELLS])

    def _cell(self, update: str, module: str, member: int) -> Cell:
        grade, norm, movement = (
            float(self._highest[f"{update}/{module}/{quantity}"][member]) for quantity in QUANTITIES
        )
        trained, moved = f"{module}_update" == update, grade == Grade.MOVED
        verdict: Verdict = "kept" if trained or not moved else "leaked"
        return Cell(
            UpdateRow(update),
            module,
            "starved" if trained and not moved else verdict,
            Grade(int(grade)),
            gradient_norm=None if np.isnan(norm) else norm,
            movement=movement,
        )


def _blank(members: int) -> dict[str, NDArray[np.float64]]:
    return {
        f"{update}/{module}/{quantity}": np.full(members, np.nan)
        for update, module in _CELLS
        for quantity in QUANTITIES
    }
