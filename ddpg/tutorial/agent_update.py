"""A critic update or an actor update of DDPG under a stop, folded to networks."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.isolation import Cell, Report, audit
from ddpg.isolation.contracts.ours import contract
from ddpg.isolation.render.folding import ELSEWHERE, LOSS, FoldedGraph
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch
from ddpg.stops import StopWarning
from ddpg.tutorial.drawing import Box, Drawing, Graph, GraphPanel, Role, draw_beside

UpdateName = Literal["critic_update", "actor_update"]

OBSERVATION_DIM, ACTION_DIM, BATCH_SIZE = 3, 1, 8
_STOP_SETTINGS: dict[UpdateName, str] = {"critic_update": "stop", "actor_update": "actor_stop"}


@dataclass(frozen=True)
class AgentUpdate:
    """One update of the agent under one stop.

    Attributes:
        stop: name of the stop at this update's crossing.
        cells: result of the audit, by network.
        graphs: one graph per backward pass.
    """

    stop: str
    cells: dict[str, Cell]
    graphs: tuple[Graph, ...]

    @property
    def in_graph(self) -> set[str]:
        """Networks whose parameters are in the graph of some backward pass."""
        return set().union(*(graph.parameters for graph in self.graphs))


def run_agent_update(update: UpdateName, stop: str) -> AgentUpdate:
    """Run one update of a small agent under `stop`.

    Raises:
        ConfigError: the stop is not allowed at this crossing.
    """
    agent = _agent(update, stop)
    generator = torch.Generator().manual_seed(0)
    batch = Batch.random(1, BATCH_SIZE, OBSERVATION_DIM, ACTION_DIM, generator)
    updates: dict[str, Callable[[], object]] = {
        "critic_update": lambda: agent.update_critic(batch),
        "actor_update": lambda: agent.update_actor(batch),
    }
    both = contract(agent)
    report = audit(replace(both, updates={update: both.updates[update]}), updates[update], rounds=1)
    cells = {cell.module: cell for cell in report.cells}
    graphs = tuple(_graph(each, report, index) for index, each in enumerate(report.graphs()))
    return AgentUpdate(stop, cells, graphs)


def draw_update(control: AgentUpdate, update: AgentUpdate) -> Drawing:
    """Draw the control's graph and next to it one graph per backward pass of `update`."""
    first, *others = update.graphs
    if not others:
        return draw_beside(control.graphs[0], first, update.stop)
    passes = (
        GraphPanel(f"{update.stop}: backward pass {number}", graph)
        for number, graph in enumerate(update.graphs, start=1)
    )
    return Drawing((GraphPanel("control (none)", control.graphs[0]), *passes))


def cell_gradient_text(cell: Cell) -> str:
    """Return `None`, `zero`, or `value` and the norm."""
    if cell.written == "nonzero" and cell.gradient_norm is not None:
        return f"value, norm {cell.gradient_norm:.3g}"
    return {"none": "None", "zero": "zero", "nonzero": "value"}[cell.written]


def _agent(update: UpdateName, stop: str) -> DDPG:
    with warnings.catch_warnings():
        # The lesson itself shows that a stop starves a network.
        warnings.simplefilter("ignore", StopWarning)
        config = Config.from_dict({"hidden": [16, 16], _STOP_SETTINGS[update]: stop})
        return DDPG(
            config,
            OBSERVATION_DIM,
            ACTION_DIM,
            RandomStreams.from_seeds([0]).weights,
            torch.device("cpu"),
        )


def _graph(folded: FoldedGraph, report: Report, index: int) -> Graph:
    # `chain_rule` has a second backward pass, which starts at the action.
    boxes = {LOSS: Box(("loss", "action")[index : index + 1], "loss")}
    for group, operations in folded.operations.items():
        names = (re.sub(r"Backward\d*$", "", operation) for operation in operations)
        boxes[group] = Box((", ".join(dict.fromkeys(names)),), "operation")
    for module in sorted(folded.modules):
        if module == ELSEWHERE:
            boxes[module] = Box(("the detached action",), "operation")
            continue
        cell = report[str(folded.row), module]
        role: Role = "trained" if module in folded.trained else "protected"
        reached = module in folded.paths
        notes = (
            "parameters in the graph" if reached else "parameters not in the graph",
            f".grad {cell_gradient_text(cell)}",
            "moved" if cell.movement else "not moved",
        )
        boxes[module] = Box((module, *notes), role, module if reached else "")
    return Graph(boxes, frozenset(folded.edges))
