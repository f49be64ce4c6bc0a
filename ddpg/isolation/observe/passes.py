"""Backward passes under watch: what the graph reaches, and the gradients it delivers."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from .autograd import (
    FREED,
    IN_PLACE,
    Engine,
    has_packed_tensors,
    leaf_of,
    recorded_at,
    root_of,
    saved_before_changes,
    saved_tensors,
    unwrapped,
    walk,
)
from .gradient_sources import GradientSources
from .inventory import Inventory
from .ledger import Ledger, copy_of
from .old_graphs import OldGraphs
from .records import BackwardPass, ForwardCall, UpdateRecord
from .terms import Term, gradients_of

_VIEWS = {"T", "Transpose", "View", "Permute", "Unsqueeze", "Expand", "ReshapeAlias", "UnsafeView"}


class Explainer(Protocol):
    """Receives the graphs and forward calls of a `Watcher` while they exist."""

    def walked(
        self,
        record: UpdateRecord,
        backward: BackwardPass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Receive the graph of a backward pass, before the pass runs.

        Args:
            outputs: losses of the pass.
            nodes: node → the node above it.
            leaves: leaf node → identity of its entry.
        """

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:
        """Receive a forward call of a named module, after the call."""


@dataclass(frozen=True, eq=False)
class PassRecorder:
    """Runs and records one backward pass.

    Attributes:
        record: of the update that is running.
        backward: the pass.
        ledger: of all entries.
        terms: loss term → its tensors.
        sources: gets the pass.
        explainer: gets the graph.
        old_graphs: graphs that no pass may free. None if passes may free all graphs.
    """

    record: UpdateRecord
    backward: BackwardPass
    ledger: Ledger
    terms: Mapping[str, Sequence[Term]]
    sources: GradientSources
    explainer: Explainer | None
    old_graphs: OldGraphs | None
    _hooked: set[Node] = field(default_factory=set)

    def run(
        self,
        engine: Engine,
        outputs: Sequence[Tensor | GradientEdge],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Run the pass with `engine` and fill in `backward`; return the engine's value."""
        backward, inventory = self.backward, self.record.inventory
        backward.accumulates = bool(keywords.get("accumulate_grad"))
        # The pass frees the graph, so walk it first.
        nodes, leaves, numbers = self._walk(outputs)
        for name, terms in self.terms.items():
            inside = [each for each in terms if each.node in nodes]
            if inside:
                below = walk([each.node for each in inside if each.node is not None])
                reached = set(entries_among(below, inventory).values())
                backward.terms[name] = gradients_of(inside, reached, inventory)
        if self.explainer is not None:
            self.explainer.walked(self.record, backward, outputs, nodes, leaves)
        if self.old_graphs and self.old_graphs.retain(numbers, frees=not arguments[1]):
            arguments = (arguments[0], True, *arguments[2:])
        if backward.accumulates:
            with self._delivery_recorded(nodes, leaves):
                result = engine(outputs, *arguments, **keywords)
        else:
            result = engine(outputs, *arguments, **keywords)
            _add_returned(backward, inventory, arguments[3], result)
        self.sources.add(backward, inventory)
        return result

    def run_inner(
        self,
        engine: Engine,
        outputs: Sequence[Tensor | GradientEdge],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Run a pass that the engine started inside of this pass, as a part of this pass.

        Reentrant checkpoints do that: their graph exists only then.
        """
        if not (self.backward.accumulates and keywords.get("accumulate_grad")):
            return engine(outputs, *arguments, **keywords)
        nodes, leaves, _ = self._walk(outputs)
        if self.explainer is not None:
            self.explainer.walked(self.record, self.backward, outputs, nodes, leaves)
        with self._delivery_recorded((), leaves):
            return engine(outputs, *arguments, **keywords)

    def _walk(
        self, outputs: Sequence[Tensor | GradientEdge]
    ) -> tuple[dict[Node, Node | None], dict[Node, int], dict[Node, int]]:
        """Add what a graph reaches to the pass; return its nodes, leaves and sequence numbers."""
        backward, inventory = self.backward, self.record.inventory
        roots = [root_of(each) for each in outputs]
        nodes = walk([root for root in roots if root is not None])
        leaves = entries_among(nodes, inventory)
        numbers = {node: recorded_at(node) for node in nodes}
        backward.calls += _calls_in(self.record.calls, numbers)
        backward.outdated |= _outdated(self.ledger, inventory, numbers)
        self.sources.forget_cleared(set(leaves.values()) - backward.reached, inventory)
        backward.reached |= set(leaves.values())
        return nodes, leaves, numbers

    @contextmanager
    def _delivery_recorded(
        self, nodes: Iterable[Node], leaves: Mapping[Node, int]
    ) -> Iterator[None]:
        """Context manager that records the gradient which each leaf receives."""
        delivered, hooked = self.backward.delivered, leaves.keys() - self._hooked
        handles = [node.register_prehook(_entry_hook(delivered, leaves[node])) for node in hooked]
        for node in nodes:
            leaf = leaf_of(node)
            if leaf is not None and node not in leaves:
                handles.append(node.register_prehook(_other_hook(self.backward, leaf)))
        self._hooked.update(hooked)
        try:
            yield
        finally:
            self._hooked.difference_update(hooked)
            for handle in handles:
                handle.remove()


def entries_among(nodes: Iterable[Node], inventory: Inventory) -> dict[Node, int]:
    """Return leaf node → identity of its entry; the entry has the tensor or shares its storage."""
    entries: dict[Node, int] = {}
    for node in nodes:
        leaf = leaf_of(node)
        if leaf is not None:
            key = _entry_of(leaf, inventory)
            if key is not None:
                entries[node] = key
    return entries


def _entry_of(tensor: Tensor, inventory: Inventory) -> int | None:
    tensor = unwrapped(tensor)
    if id(tensor) in inventory.entries:
        return id(tensor)
    return inventory.by_storage.get(tensor.untyped_storage().data_ptr())


def _entry_hook(delivered: dict[int, Tensor], key: int) -> Callable[[Any], None]:
    def record(gradients: tuple[Tensor | None, ...]) -> None:
        gradient = gradients[0]
        if gradient is not None:
            _add(delivered, key, gradient)

    return record


def _other_hook(backward: BackwardPass, leaf: Tensor) -> Callable[[Any], None]:
    def record(gradients: tuple[Tensor | None, ...]) -> None:
        if gradients[0] is not None:
            backward.elsewhere.append((copy_of(leaf), copy_of(gradients[0])))

    return record


def _add(delivered: dict[int, Tensor], key: int, gradient: Tensor) -> None:
    """Add a copy of the gradient, since the engine may reuse the tensor."""
    known = delivered.get(key)
    delivered[key] = copy_of(gradient) if known is None else known + copy_of(gradient)


def _add_returned(
    backward: BackwardPass,
    inventory: Inventory,
    inputs: Sequence[Any],
    gradients: Sequence[Tensor | None],
) -> None:
    """Record the gradients that `autograd.grad` returned for entries as delivered."""
    for each, gradient in zip(inputs, gradients, strict=True):
        if gradient is None or not isinstance(each, Tensor):
            continue
        key, gradient = _entry_of(each, inventory), unwrapped(gradient)
        if key is None:
            backward.elsewhere.append((copy_of(unwrapped(each)), copy_of(gradient)))
        elif gradient.shape == inventory.entries[key].tensor.shape:
            _add(backward.delivered, key, gradient)


def _calls_in(calls: Iterable[ForwardCall], numbers: Mapping[Node, int]) -> list[ForwardCall]:
    """Return the forward calls that recorded operations of the graph."""
    recorded = sorted(numbers.values())
    return [
        call
        for call in calls
        if bisect_left(recorded, call.first) < bisect_left(recorded, call.last)
    ]


def _outdated(ledger: Ledger, inventory: Inventory, numbers: Mapping[Node, int]) -> dict[int, str]:
    """Return entry → operation, for entries that the graph saved and that changed since.

    PyTorch counts the changes of each tensor, so it finds some that no comparison of values dates.
    """
    operations: dict[int, str] = {}
    for node, number in numbers.items():
        if not 0 <= number < ledger.latest_change:
            continue
        saved, changed = _saved_entries(node, inventory)
        old = {key for key in saved if number < ledger.last_old.get(key, -1)}
        for key in changed | old:
            operations.setdefault(key, node.name())
    return operations


def _saved_entries(node: Node, inventory: Inventory) -> tuple[set[int], set[int]]:
    """Return the entries that an operation saved, and those that changed by PyTorch's count."""
    if has_packed_tensors(node):
        return _operands(node, inventory), set()
    try:
        return _entries_at(saved_tensors(node), inventory), set()
    except RuntimeError as error:
        if IN_PLACE in str(error):
            changed = _entries_at(saved_before_changes(node), inventory)
            return (set(), changed) if changed else (_operands(node, inventory), set())
        if FREED in str(error):
            return set(), set()
        raise


def _entries_at(tensors: Iterable[Tensor], inventory: Inventory) -> set[int]:
    """Return the entries that have the storages of these tensors."""
    pointers = [each.untyped_storage().data_ptr() for each in tensors]
    return {inventory.by_storage[each] for each in pointers if each in inventory.by_storage}


def _operands(node: Node, inventory: Inventory) -> set[int]:
    """Return the entries that are operands of an operation, directly or through views."""
    keys: set[int] = set()
    for operand, _ in node.next_functions:
        while operand is not None and len(operand.next_functions) == 1 and leaf_of(operand) is None:
            if operand.name().removesuffix("Backward0") not in _VIEWS:
                break
            operand = operand.next_functions[0][0]
        leaf = leaf_of(operand) if operand is not None else None
        key = None if leaf is None else _entry_of(leaf, inventory)
        if key is not None:
            keys.add(key)
    # A bias is only added, so no operation saves it.
    return {key for key in keys if inventory.entries[key].tensor.dim() > 1} or keys
