"""The autograd graph of each backward pass, folded to modules."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pygraphviz
from torch import Tensor
from torch.autograd.graph import Node

from ..contract import Contract, UpdateRow
from ..observe.autograd import leaf_of, recorded_at
from ..observe.records import Call, Pass, Record
from ..observe.watcher import Watcher

with warnings.catch_warnings():
    # torchviz still reads torch's version with distutils.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torchviz import make_dot

LOSS = "loss"
ELSEWHERE = "other parameters"


@dataclass
class FoldedGraph:
    """One backward pass, in the direction of the forward pass.

    Attributes:
        row: the update, or the part of a split one.
        trained: the modules that this row may train.
        operations: a group that is no module → the operations folded into it.
        modules: the modules in the graph.
        edges: from group to group.
        ways: module → the edges of one path from it to the loss.
    """

    row: UpdateRow
    trained: set[str] = field(default_factory=set)
    operations: dict[str, list[str]] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)
    ways: dict[str, set[tuple[str, str]]] = field(default_factory=dict)


class Folder:
    """The explainer of a `Watcher` that folds what it is shown."""

    def __init__(self) -> None:
        self.folded: list[tuple[Pass, FoldedGraph]] = []

    def walked(
        self,
        record: Record,
        seen: Pass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Draw the graph with torchviz, and keep it folded."""
        losses = tuple(each for each in outputs if isinstance(each, Tensor) and each.grad_fn)
        if losses:
            self.folded.append((seen, _fold(record, losses, nodes, leaves)))

    def called(self, record: Record, call: Call, output: object) -> None:
        """Nothing: the call itself is in the record."""


def folded_graphs(contract: Contract, run: Callable[[Watcher], None]) -> list[FoldedGraph]:
    """Return the graph of each kind of backward pass; `run` runs the updates under a watcher."""
    folder = Folder()
    watcher = Watcher(contract, dry_run=True, explainer=folder)
    with watcher:
        run(watcher)
    different: dict[tuple[UpdateRow, frozenset[tuple[str, str]]], FoldedGraph] = {}
    for seen, graph in folder.folded:
        permission = contract.permission(seen.row)
        graph.row = seen.row
        graph.trained = {module for module in graph.modules if permission.may_train(module)}
        different.setdefault((graph.row, frozenset(graph.edges)), graph)
    return list(different.values())


def _fold(
    record: Record,
    losses: tuple[Tensor, ...],
    nodes: Mapping[Node, Node | None],
    leaves: Mapping[Node, int],
) -> FoldedGraph:
    folded = FoldedGraph(record.row)
    groups: dict[str, str] = {str(id(loss)): LOSS for loss in losses}
    outside: dict[str, str] = {}
    of_node: dict[Node, str] = {}
    for node in nodes:
        group = _module_of(record, node, leaves)
        if group is None:
            outside[str(id(node))] = node.name().removesuffix("0").removesuffix("Backward")
        else:
            folded.modules.add(group)
            groups[str(id(node))] = group
            leaf = leaf_of(node)
            if leaf is not None:
                groups[str(id(leaf))] = group
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        drawn = pygraphviz.AGraph(string=make_dot(losses).source)
    edges = [(str(edge[0]), str(edge[1])) for edge in drawn.edges()]
    together = _connected(outside, edges)
    order = {first: index for index, first in enumerate(dict.fromkeys(together.values()))}
    for name, first in together.items():
        groups[name] = f"operations {order[first]}"
        folded.operations.setdefault(groups[name], []).append(outside[name])
    for one, two in edges:
        if one in groups and two in groups and groups[one] != groups[two]:
            folded.edges.add((groups[one], groups[two]))
    of_node = {node: groups[str(id(node))] for node in nodes}
    for leaf in leaves:
        module = of_node[leaf]
        if module not in folded.ways:
            folded.ways[module] = _way(leaf, nodes, of_node)
    return folded


def _module_of(record: Record, node: Node, leaves: Mapping[Node, int]) -> str | None:
    if node in leaves:
        return record.inventory.entries[leaves[node]].owners[0]
    if leaf_of(node) is not None:
        return ELSEWHERE
    call = record.call_at(recorded_at(node))
    return call.module if call else None


def _connected(names: Mapping[str, str], edges: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each name → the first of those that it hangs together with."""
    first = {name: name for name in names}

    def root(name: str) -> str:
        while first[name] != name:
            name = first[name]
        return name

    for one, two in edges:
        if one in first and two in first:
            first[root(one)] = root(two)
    return {name: root(name) for name in names}


def _way(
    leaf: Node, nodes: Mapping[Node, Node | None], groups: Mapping[Node, str]
) -> set[tuple[str, str]]:
    way: set[tuple[str, str]] = set()
    node, above = leaf, nodes[leaf]
    while above is not None:
        if groups[node] != groups[above]:
            way.add((groups[node], groups[above]))
        node, above = above, nodes[above]
    return way | {(groups[node], LOSS)}
