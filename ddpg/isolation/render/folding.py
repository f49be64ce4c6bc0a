"""The autograd graph of each backward pass, folded to modules."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch.autograd.graph import Node

from ..contract import Contract, UpdateRow
from ..observe.autograd import leaf_of, recorded_at
from ..observe.records import BackwardPass, ForwardCall, UpdateRecord
from ..observe.watcher import Watcher

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
        outputs: Sequence[object],  # noqa: ARG002 (inherited)
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Store the graph folded."""
        if nodes:
            self.folded.append((backward, _fold(record, nodes, leaves)))

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
    try:
        with watcher:
            run(watcher)
    except Exception as error:  # of the user's code: the report is worth more than its graphs
        warnings.warn(f"some graphs are missing: the run for them raised {error!r}", stacklevel=2)
    distinct: dict[tuple[UpdateRow, frozenset[tuple[str, str]]], FoldedGraph] = {}
    for backward, graph in folder.folded:
        permission = contract.permission(backward.row)
        graph.row = backward.row
        graph.trained = {module for module in graph.modules if permission.may_train(module)}
        distinct.setdefault((graph.row, frozenset(graph.edges)), graph)
    return list(distinct.values())


def _fold(
    record: UpdateRecord, nodes: Mapping[Node, Node | None], leaves: Mapping[Node, int]
) -> FoldedGraph:
    folded = FoldedGraph(record.row)
    groups: dict[Node, str] = {}
    outside: dict[Node, str] = {}
    for node in nodes:
        group = _module_of(record, node, leaves)
        if group is None:
            outside[node] = node.name().removesuffix("0").removesuffix("Backward")
        else:
            folded.modules.add(group)
            groups[node] = group
    edges = [
        (following, node)
        for node in nodes
        for following, _ in node.next_functions
        if following is not None
    ]
    components = _connected(outside, edges)
    order = {first: index for index, first in enumerate(dict.fromkeys(components.values()))}
    for node, first in components.items():
        groups[node] = f"operations {order[first]}"
        folded.operations.setdefault(groups[node], []).append(outside[node])
    for one, two in edges:
        if groups[one] != groups[two]:
            folded.edges.add((groups[one], groups[two]))
    folded.edges |= {(groups[node], LOSS) for node, above in nodes.items() if above is None}
    for leaf in leaves:
        module = groups[leaf]
        if module not in folded.paths:
            folded.paths[module] = _path_edges(leaf, nodes, groups)
    return folded


def _module_of(record: UpdateRecord, node: Node, leaves: Mapping[Node, int]) -> str | None:
    if node in leaves:
        return record.inventory.entries[leaves[node]].owners[0]
    if leaf_of(node) is not None:
        return ELSEWHERE
    call = record.call_at(recorded_at(node))
    return call.module if call else None


def _connected(nodes: Iterable[Node], edges: Sequence[tuple[Node, Node]]) -> dict[Node, Node]:
    """Return node → the first node of its connected component."""
    first = {node: node for node in nodes}

    def root(node: Node) -> Node:
        while first[node] != node:
            node = first[node]
        return node

    for one, two in edges:
        if one in first and two in first:
            first[root(one)] = root(two)
    return {node: root(node) for node in first}


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
