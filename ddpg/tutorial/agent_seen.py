"""What a critic update and an actor update of DDPG show under a stop, folded to networks."""

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
from ddpg.tutorial.drawing import Drawing, Graph, Node, Panel, Role, beside

Row = Literal["critic_update", "actor_update"]

OBSERVATION_DIM, ACTION_DIM, BATCH = 3, 1, 8


@dataclass(frozen=True)
class AgentSeen:
    """One update of the agent under one stop.

    Attributes:
        expression: the stop at this update's crossing.
        cells: by the network's name.
        graphs: one a backward pass.
    """

    expression: str
    cells: dict[str, Cell]
    graphs: tuple[Graph, ...]

    @property
    def in_graph(self) -> set[str]:
        """The networks whose parameters some backward pass has a path to."""
        return set().union(*(graph.parameters for graph in self.graphs))


def see(row: Row, expression: str) -> AgentSeen:
    """Run one update of a small agent under the stop `expression`.

    Raises:
        ConfigError: the stop is not legal at this crossing.
    """
    agent = _agent(row, expression)
    batch = _batch()
    updates: dict[str, Callable[[], object]] = {
        "critic_update": lambda: agent.update_critic(batch),
        "actor_update": lambda: agent.update_actor(batch),
    }
    promised = contract(agent)
    promised = replace(promised, updates={row: promised.updates[row]})
    report = audit(promised, updates[row], rounds=1)
    cells = {cell.module: cell for cell in report.cells}
    graphs = tuple(_graph(each, report, index) for index, each in enumerate(report.graphs()))
    return AgentSeen(expression, cells, graphs)


def drawing(control: AgentSeen, seen: AgentSeen) -> Drawing:
    """The control's graph beside the stop's; where there are two backward passes, all three."""
    if len(seen.graphs) == 1:
        return beside(control.graphs[0], seen.graphs[0], seen.expression)
    whole = control.graphs[0]
    passes = (
        Panel(f"{seen.expression}: backward pass {number}", graph, graph)
        for number, graph in enumerate(seen.graphs, start=1)
    )
    return Drawing((Panel("control (none)", whole, whole), *passes))


def gradient_text(cell: Cell) -> str:
    """`None`, `zero`, or the norm."""
    if cell.written == "nonzero" and cell.gradient_norm is not None:
        return f"value, norm {cell.gradient_norm:.3g}"
    return {"none": "None", "zero": "zero", "nonzero": "value"}[cell.written]


def _agent(row: Row, expression: str) -> DDPG:
    setting = {"critic_update": "stop", "actor_update": "actor_stop"}[row]
    with warnings.catch_warnings():
        # The lesson shows what the warning says.
        warnings.simplefilter("ignore", StopWarning)
        config = Config.from_dict({"hidden": [16, 16], setting: expression})
        return DDPG(
            config,
            OBSERVATION_DIM,
            ACTION_DIM,
            RandomStreams.from_seeds([0]).weights,
            torch.device("cpu"),
        )


def _batch() -> Batch:
    """Random transitions, each `[1, 8, dim]`."""
    generator = torch.Generator().manual_seed(0)

    def normal(width: int) -> torch.Tensor:
        return torch.randn(1, BATCH, width, generator=generator)

    return Batch(
        normal(OBSERVATION_DIM),
        normal(ACTION_DIM).tanh(),
        normal(1),
        normal(OBSERVATION_DIM),
        torch.zeros(1, BATCH, 1),
    )


def _graph(folded: FoldedGraph, report: Report, index: int) -> Graph:
    # `chain_rule` has a second backward pass, which starts at the action.
    nodes = {LOSS: Node(("loss", "action")[index : index + 1], "loss")}
    for group, operations in folded.operations.items():
        bare = (re.sub(r"Backward\d*$", "", operation) for operation in operations)
        nodes[group] = Node((", ".join(dict.fromkeys(bare)),), "operation")
    for module in folded.modules:
        if module == ELSEWHERE:
            nodes[module] = Node(("the detached action",), "operation")
            continue
        cell = report[str(folded.row), module]
        role: Role = "trained" if module in folded.trained else "protected"
        reached = module in folded.ways
        notes = (
            "parameters in the graph" if reached else "parameters not in the graph",
            f".grad {gradient_text(cell)}",
            "moved" if cell.movement else "not moved",
        )
        nodes[module] = Node((module, *notes), role, module if reached else "")
    return Graph(nodes, frozenset(folded.edges))
