"""The audit of a training run's own updates, as values per member for `metrics.csv`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.agent import DDPG
from ddpg.isolation import Cell, Grade, Report, audit
from ddpg.isolation.contracts import ours
from ddpg.replay import Batch
from ddpg.runs.csv_log import parse_number, read_rows
from ddpg.runs.tags import QUANTITIES, SEPARATION, UPDATES


class Separation(NamedTuple):
    """The result of one audit."""

    values: dict[str, NDArray[np.float64]]
    """`<update>/<module>/<quantity>` -> `[member]`; NaN where there is none."""
    summary: str
    """`separation kept`, or the modules that each update moved, in words."""


def measure(agent: DDPG, batch: Batch) -> Separation:
    """Audit one critic and one actor update on `batch`, and restore every bit."""
    updates = ours.updates(agent, batch)
    report = audit(
        ours.contract(agent),
        {name: updates[name] for name in UPDATES},
        rounds=1,
        level="light",
        stacked=True,
    )
    values = {
        f"{cell.update}/{cell.module}/{quantity}": value
        for cell in report.cells
        for quantity, value in _quantities(cell, agent.config.members).items()
    }
    return Separation(values, _summary(report))


def tags(agent: DDPG) -> list[str]:
    """Return the keys of `Separation.values`."""
    return [
        f"{update}/{module}/{quantity}"
        for update in UPDATES
        for module in agent.modules
        for quantity in QUANTITIES
    ]


def _quantities(cell: Cell, members: int) -> dict[str, NDArray[np.float64]]:
    by_name = {
        "grade": cell.grades,
        "gradient_norm": cell.gradient_norms,
        "movement": cell.movements,
    }
    return {
        name: np.full(members, np.nan) if value is None else value.cpu().numpy().astype(np.float64)
        for name, value in by_name.items()
    }


def in_words(counts: Mapping[tuple[str, str], int], audits: int) -> str:
    """Return which modules each update moved, and in how many audits it moved a protected one.

    Args:
        counts: (update, module) -> audits in which the update moved the module.
        audits: audits in all.
    """
    return "; ".join(_update_in_words(update, counts, audits) for update in UPDATES)


def outcome_in_words(metrics: Path, members: int) -> str:
    """Return the separation of a whole run in words, or an empty string if it has no audit.

    Args:
        metrics: `metrics.csv` of the run.
        members: members of the run.

    Raises:
        ConfigError: the file cannot be read.
    """
    _, rows = read_rows(metrics, (), members)
    end = "/grade"
    moved: set[tuple[int, str, str]] = set()
    steps: set[int] = set()
    for row in rows:
        for column in row.values:
            if column.startswith(f"{SEPARATION}/") and column.endswith(end):
                _, update, module, _ = column.split("/")
                steps.add(row.step)
                if parse_number(metrics, row, column) == Grade.MOVED:
                    moved.add((row.step, update, module))
    counts = Counter((update, module) for _, update, module in moved)
    return in_words(counts, len(steps)) if steps else ""


def _update_in_words(update: str, counts: Mapping[tuple[str, str], int], audits: int) -> str:
    trained = update.removesuffix("_update")
    modules = [trained, *sorted({module for _, module in counts} - {trained})]
    moved = [module for module in modules if counts.get((update, module))]
    name = update.replace("_", " ")
    if moved == [trained]:
        return f"{name} moved {trained} only"
    if moved == []:
        return f"{name} moved nothing: {trained} is not trained"
    leaks = max(counts[update, module] for module in moved if module != trained)
    return f"{name} moved {', '.join(moved)}: not stopped in {leaks} of {audits} audits"


def _summary(report: Report) -> str:
    moved = Counter((c.update, c.module) for c in report.cells if c.grade == Grade.MOVED)
    kept = {(update, update.removesuffix("_update")) for update in UPDATES}
    return "separation kept" if set(moved) == kept else in_words(moved, 1)
