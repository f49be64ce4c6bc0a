"""The audit of a training run's own updates, as values per member for `metrics.csv`."""

from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.agent import DDPG
from ddpg.isolation import Cell, Report, audit
from ddpg.isolation.contracts import ours
from ddpg.replay import Batch

UPDATES = ("critic_update", "actor_update")
"""Updates of our contract that a training run audits."""


class Separation(NamedTuple):
    """The result of one audit."""

    values: dict[str, NDArray[np.float64]]
    """`<update>/<module>/<quantity>` -> `[member]`; NaN where there is none."""
    summary: str
    """`separation kept`, or each update with its verdict and the modules concerned."""


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
        for quantity in ("grade", "gradient_norm", "movement")
    ]


def _quantities(cell: Cell, members: int) -> dict[str, NDArray[np.float64]]:
    by_name = {
        "grade": cell.grades,
        "gradient_norm": cell.gradient_norms,
        "movement": cell.movements,
    }
    return {
        name: np.full(members, np.nan) if value is None else value.cpu().double().numpy()
        for name, value in by_name.items()
    }


def _summary(report: Report) -> str:
    broken = [cell for cell in report.cells if cell.verdict != "kept"]
    if not broken:
        return "separation kept"
    return "; ".join(
        f"{update} {verdict}: {', '.join(cell.module for cell in cells)}"
        for (update, verdict), cells in groupby(broken, lambda cell: (cell.update, cell.verdict))
    )
