"""The audit of our own agent: what each update reached, wrote and moved, a value a member."""

from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ddpg.agent import DDPG
from ddpg.isolation import Cell, Contract, Report, audit, trains
from ddpg.replay import Batch


class Separation(NamedTuple):
    """What one audit found."""

    values: dict[str, NDArray[np.float64]]
    """`<update>/<module>/<quantity>` -> `[member]`; NaN where there is none."""
    verdict: str
    """In a few words."""


def contract(agent: DDPG) -> Contract:
    """What DDPG promises: each update trains one network, and moves no other.

    A loss may go through the modules that it is protected from, and write their `.grad` (under the
    stop `optimizer` it does), as long as nothing applies that gradient. The optimizers may hold
    them, since under a stop that is the only barrier they do.
    """
    bootstrap = tuple(agent.critic_stop.protected)
    return Contract(
        modules=agent.modules,
        optimizers={"critic": agent.critic_optimizer, "actor": agent.actor_optimizer},
        updates={
            "critic_update": trains("critic", through=bootstrap),
            "actor_update": trains("actor", through="critic"),
        },
        holds={"critic": ("critic", *bootstrap), "actor": ("actor", "critic")},
        restores=[agent.critic_stop, agent.actor_stop],
    )


def updates(agent: DDPG, batch: Batch) -> dict[str, Callable[[], object]]:
    """The updates that `contract` names, on `batch`."""
    return {
        "critic_update": partial(agent.update_critic, batch),
        "actor_update": partial(agent.update_actor, batch),
    }


def measure(agent: DDPG, promised: Contract, batch: Batch) -> Separation:
    """Audit one critic and one actor update on `batch`, and put everything back to the bit."""
    report = audit(promised, updates(agent, batch), rounds=1, level="light", stacked=True)
    values = {
        f"{cell.update}/{cell.module}/{quantity}": value
        for cell in report.cells
        for quantity, value in _quantities(cell, agent.config.members).items()
    }
    return Separation(values, _verdict(report))


def _verdict(report: Report) -> str:
    """`separation kept`, or each update with what it broke and where."""
    broken = [cell for cell in report.cells if cell.verdict != "kept"]
    if not broken:
        return "separation kept"
    return "; ".join(
        f"{update} {verdict}: {', '.join(cell.module for cell in cells)}"
        for (update, verdict), cells in groupby(broken, lambda cell: (cell.update, cell.verdict))
    )


def tags(promised: Contract) -> list[str]:
    """The keys of `Separation.values`."""
    return [
        f"{update}/{module}/{quantity}"
        for update in promised.updates
        for module in promised.modules
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
