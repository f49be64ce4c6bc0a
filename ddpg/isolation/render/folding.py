"""The autograd graph of each backward pass, folded to modules."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pygraphviz
from torch import Tensor
from torch.autograd.graph import Node

from ..contract import Contract, UpdateRow
from ..observe.autograd import leaf_of, recorded_at
from ..observe.records import BackwardPass, ForwardCall, UpdateRecord
from ..observe.watcher import Watcher

with warnings.catch_warnings():
    # torchviz reads torch's version with the deprecated distutils.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torchviz import make_dot

LOSS = "loss"
ELSEWHERE = "other parameters"


@dataclass
class FoldedGraph:
    """Graph of one backward pass; its edges have the direction of the forward pass.

    A group of nodes is a module, the loss, or connected operations outside of all modules.

    Attributes:
        row: the update, or the part of a split update.
        trained: modules that this row may train.
        operations: group of operations → their names.
        modules: modules in the graph.
        edges: pairs of groups.
        paths: module → the edges of one path from it to the loss.
    """

    row: UpdateRow
    trained: set[str] = field(default_factory=set)
    operations: dict[str, list[str]] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)
    edges: set[tuple[str, str]] = field(default_factory=set)
    paths: dict[str, set[tuple[str, str]]] = field(default_factory=dict)


class Folder:
    """Explainer of a `Watcher` that folds every graph to modules."""

    def __init__(self) -> None:
        self.folded: list[tuple[BackwardPass, FoldedGraph]] = []

    def walked(
        self,
        record: UpdateRecord,
        backward: BackwardPass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Draw the graph with torchviz and store it folded."""
        losses = tuple(each for each in outputs if isinstance(each, Tensor) and each.grad_fn)
        if losses:
            self.folded.append((backward, _fold(record, losses, nodes, leaves)))

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:
        """Ignore the call: the record has it."""


def folded_graphs(contract: Contract, run: Callable[[Watcher], None]) -> list[FoldedGraph]:
    """Return one graph per kind of backward pass.

    Args:
        contract: names the modules.
        run: runs the updates under the given watcher.
    """
    folder = Folder()
    watcher = Watcher(contract, dry_run=True, explainer=folder)
    with watcher:
        run(watcher)
    distinct: dict[tuple[UpdateRow, frozenset[tuple[str, str]]], FoldedGraph] = {}
    for backward, graph in folder.folded:
        permission = contract.permission(backward.row)
        graph.row = backward.row
        graph.trained = {module for module in graph.modules if permission.may_train(module)}
        distinct.setdefault((graph.row, frozenset(graph.edges)), graph)
    return list(distinct.values())


def _fold(
    record: UpdateRecord,
    losses: tuple[Tensor, ...],
    nodes: Mapping[Node, Node | None],
    leaves: Mapping[Node, int],
) -> FoldedGraph:
    folded = FoldedGraph(record.row)
    groups: dict[str, str] = {str(id(loss)): LOSS for loss in losses}
    outside: dict[str, str] = {}
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
    components = _connected(outside, edges)
    order = {first: index for index, first in enumerate(dict.fromkeys(components.values()))}
    for name, first in components.items():
        groups[name] = f"operations {order[first]}"
        folded.operations.setdefault(groups[name], []).append(outside[name])
    for one, two in edges:
        if one in groups and two in groups and groups[one] != groups[two]:
            folded.edges.add((groups[one], groups[two]))
    group_of = {node: groups[str(id(node))] for node in nodes}
    for leaf in leaves:
        module = group_of[leaf]
        if module not in folded.paths:
            folded.paths[module] = _path_edges(leaf, nodes, group_of)
    return folded


def _module_of(record: UpdateRecord, node: Node, leaves: Mapping[Node, int]) -> str | None:
    if node in leaves:
        return record.inventory.entries[leaves[node]].owners[0]
    if leaf_of(node) is not None:
        return ELSEWHERE
    call = record.call_at(recorded_at(node))
    return call.module if call else None


def _connected(names: Mapping[str, str], edges: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return name → the first name of its connected component."""
    first = {name: name for name in names}

    def root(name: str) -> str:
        while first[name] != name:
            name = first[name]
        return name

    for one, two in edges:
        if one in first and two in first:
            first[root(one)] = root(two)
    return {name: root(name) for name in names}


def _path_edges(
    leaf: Node, nodes: Mapping[Node, Node | None], groups: Mapping[Node, str]
) -> set[tuple[str, str]]:
    """Return the edges between groups on the path from a leaf to the loss."""
    edges: set[tuple[str, str]] = set()
    node, above = leaf, nodes[leaf]
    while above is not None:
        if groups[node] != groups[above]:
            edges.add((groups[node], groups[above]))
        node, above = above, nodes[above]
    return edges | {(groups[node], LOSS)}
