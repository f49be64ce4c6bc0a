"""A critic update or an actor update of DDPG under a stop, folded to networks."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.isolation import Cell, Report, audit
from ddpg.isolation.contracts.ours import contract
from ddpg.isolation.render.folding import ELSEWHERE, LOSS, FoldedGraph
from ddpg.isolation.render.matrix import grade_in_words
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch
from ddpg.stops import StopWarning
from ddpg.tutorial.drawing import (
    CONTROL_TITLE,
    Box,
    Drawing,
    Graph,
    GraphPanel,
    Role,
    draw_beside,
)

UpdateName = Literal["critic_update", "actor_update"]
BootstrapActor = Literal["target", "live"]
BOOTSTRAP_ACTORS: tuple[BootstrapActor, ...] = ("target", "live")

OBSERVATION_DIM, ACTION_DIM, BATCH_SIZE = 3, 1, 8
_STOP_SETTINGS: dict[UpdateName, str] = {"critic_update": "stop", "actor_update": "actor_stop"}


@dataclass(frozen=True)
class AgentUpdate:
    """One update of the agent under one stop.

    Attributes:
        stop: name of the stop at this update's crossing.
        bootstrap_actor: the setting, `target` or `live`.
        cells: result of the audit, by network.
        graphs: one graph per backward pass.
    """

    stop: str
    bootstrap_actor: BootstrapActor
    cells: dict[str, Cell]
    graphs: tuple[Graph, ...]

    @property
    def in_graph(self) -> set[str]:
        """Networks whose parameters are in the graph of some backward pass."""
        return set().union(*(graph.parameters for graph in self.graphs))


@cache
def run_agent_update(
    update: UpdateName, stop: str, bootstrap_actor: BootstrapActor = "target"
) -> AgentUpdate:
    """Run one update of a small agent under `stop`.

    Raises:
        ConfigError: the stop is not allowed at this crossing.
    """
    agent = _agent(update, stop, bootstrap_actor)
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
    return AgentUpdate(stop, bootstrap_actor, cells, graphs)


def draw_actor_update(stop: str) -> Drawing:
    """Draw the control's graph and next to it one graph per backward pass under `stop`."""
    control = run_agent_update("actor_update", "none").graphs[0]
    first, *others = graphs = run_agent_update("actor_update", stop).graphs
    if not others:
        return draw_beside(control, first, stop)
    passes = (
        GraphPanel(f"{stop}: backward pass {number}", graph)
        for number, graph in enumerate(graphs, start=1)
    )
    return Drawing((GraphPanel(CONTROL_TITLE, control), *passes))


def draw_critic_update(stop: str) -> Drawing:
    """Draw the graph under `stop` once per bootstrap actor; removed boxes are ghosts."""
    panels: list[GraphPanel] = []
    for bootstrap_actor in BOOTSTRAP_ACTORS:
        control, update = (
            run_agent_update("critic_update", name, bootstrap_actor).graphs[0]
            for name in ("none", stop)
        )
        panels.append(GraphPanel(f"{stop}, bootstrap_actor: {bootstrap_actor}", update, control))
    return Drawing(tuple(panels))


def effect_text(cell: Cell) -> str:
    """Return the grade of a network in words, with its norm."""
    grade = grade_in_words(cell)
    if grade == "moved":
        return f"moved by {cell.movement:.4f}"
    if grade == "gradient":
        return f"gradient, norm {cell.gradient_norm:.3g}"
    return grade


def _agent(update: UpdateName, stop: str, bootstrap_actor: BootstrapActor) -> DDPG:
    with warnings.catch_warnings():
        # The lesson itself shows that a stop starves a network.
        warnings.simplefilter("ignore", StopWarning)
        settings = {_STOP_SETTINGS[update]: stop, "bootstrap_actor": bootstrap_actor}
        config = Config.from_dict({"hidden": [16, 16], **settings})
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
        grade = grade_in_words(cell) if reached else "not touched"
        label = (module, role, effect_text(cell) if reached else grade)
        boxes[module] = Box(label, role, module if reached else "", grade)
    return Graph(boxes, frozenset(folded.edges))
