"""One backward pass under watch: what its graph reaches, and what gradient it delivers."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from .autograd import Engine, leaf_of, recorded_at, root_of, saved_tensors, unwrapped, walk
from .inventory import Inventory
from .ledger import Ledger, copy_of
from .records import BackwardPass, ForwardCall, UpdateRecord
from .residue import Residue

# What PyTorch says of a saved tensor that was changed, or given up by an earlier backward pass.
IN_PLACE = "modified by an inplace operation"
FREED = "have already been freed"
_VIEWS = {"T", "Transpose", "View", "Permute", "Unsqueeze", "Expand", "ReshapeAlias", "UnsafeView"}


class Explainer(Protocol):
    """Receives the graphs and the forward calls that a `Watcher` sees, while they exist."""

    def walked(
        self,
        record: UpdateRecord,
        seen: BackwardPass,
        outputs: Sequence[object],
        nodes: dict[Node, Node | None],
        leaves: dict[Node, int],
    ) -> None:
        """Take the graph of a backward pass (node → the node it was met from), before it runs."""

    def called(self, record: UpdateRecord, call: ForwardCall, output: object) -> None:
        """Take a forward call of a named module, with its output."""


@dataclass(frozen=True, eq=False)
class PassRecorder:
    """Runs backward passes of one update and records each of them.

    Attributes:
        record: of the update that is running.
        terms: loss term → its tensor.
        residue: gets every pass before and after it runs.
        explainer: gets every graph.
    """

    record: UpdateRecord
    ledger: Ledger
    terms: Mapping[str, Tensor]
    residue: Residue
    explainer: Explainer | None

    def run(
        self,
        seen: BackwardPass,
        engine: Engine,
        outputs: Sequence[Tensor | GradientEdge],
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Run the pass, and record it in `seen`. The graph is walked first: the pass frees it."""
        inventory = self.record.inventory
        roots = [root_of(each) for each in outputs]
        seen.loose = None in roots
        nodes = walk([root for root in roots if root is not None])
        leaves = entries_among(nodes, inventory)
        seen.reached = set(leaves.values())
        seen.accumulates = bool(keywords.get("accumulate_grad"))
        numbers = {node: recorded_at(node) for node in nodes}
        seen.calls = _calls(self.record.calls, numbers)
        seen.outdated = _outdated(self.ledger, inventory, numbers)
        for name, tensor in self.terms.items():
            if tensor.grad_fn in nodes:
                seen.terms[name] = _term(tensor, inventory)
        self.residue.before(seen.reached, inventory)
        if self.explainer is not None:
            self.explainer.walked(self.record, seen, outputs, nodes, leaves)
        if seen.accumulates:
            with _caught(seen, nodes, leaves):
                result = engine(outputs, *arguments, **keywords)
        else:
            result = engine(outputs, *arguments, **keywords)
            _returned(seen, inventory, arguments[3], result)
        self.residue.after(seen, inventory)
        return result


@contextmanager
def _caught(
    seen: BackwardPass, nodes: Iterable[Node], leaves: Mapping[Node, int]
) -> Iterator[None]:
    """Record the gradient that each leaf is delivered inside the block."""
    handles = [node.register_prehook(_catcher(seen.delivered, key)) for node, key in leaves.items()]
    for node in nodes:
        leaf = leaf_of(node)
        if leaf is not None and node not in leaves:
            handles.append(node.register_prehook(_other_catcher(seen, leaf)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def entries_among(nodes: Mapping[Node, object], inventory: Inventory) -> dict[Node, int]:
    """Leaf node → the entry it stands for, by identity, else by shared storage."""
    found: dict[Node, int] = {}
    for node in nodes:
        leaf = leaf_of(node)
        if leaf is not None:
            key = _entry_of(leaf, inventory)
            if key is not None:
                found[node] = key
    return found


def _entry_of(tensor: Tensor, inventory: Inventory) -> int | None:
    tensor = unwrapped(tensor)
    if id(tensor) in inventory.entries:
        return id(tensor)
    return inventory.by_storage.get(tensor.untyped_storage().data_ptr())


def _catcher(delivered: dict[int, Tensor], key: int) -> Callable[[Any], None]:
    def catch(gradients: tuple[Tensor | None, ...]) -> None:
        gradient = gradients[0]
        if gradient is not None:
            add(delivered, key, gradient)

    return catch


def _other_catcher(seen: BackwardPass, leaf: Tensor) -> Callable[[Any], None]:
    def catch(gradients: tuple[Tensor | None, ...]) -> None:
        if gradients[0] is not None:
            seen.elsewhere.append((copy_of(leaf), copy_of(gradients[0])))

    return catch


def add(delivered: dict[int, Tensor], key: int, gradient: Tensor) -> None:
    """Sum what a parameter is delivered; a copy, since the engine may reuse the gradient."""
    known = delivered.get(key)
    delivered[key] = copy_of(gradient) if known is None else known + copy_of(gradient)


def _returned(
    seen: BackwardPass,
    inventory: Inventory,
    inputs: Sequence[Any],
    gradients: Sequence[Tensor | None],
) -> None:
    """`autograd.grad` hands the gradients back; those asked of our entries count as delivered."""
    for each, gradient in zip(inputs, gradients, strict=True):
        if gradient is None or not isinstance(each, Tensor):
            continue
        key, gradient = _entry_of(each, inventory), unwrapped(gradient)
        if key is None:
            seen.elsewhere.append((copy_of(unwrapped(each)), copy_of(gradient)))
        elif gradient.shape == inventory.entries[key].tensor.shape:
            add(seen.delivered, key, gradient)


def _term(loss: Tensor, inventory: Inventory) -> tuple[set[int], dict[int, Tensor]]:
    root = root_of(loss)
    leaves = entries_among(walk([root] if root else []), inventory)
    wanted = {key: inventory.entries[key].tensor for key in leaves.values()}
    wanted = {key: tensor for key, tensor in wanted.items() if tensor.requires_grad}
    if not wanted:
        return set(leaves.values()), {}
    gradients = torch.autograd.grad(
        loss.sum(), list(wanted.values()), retain_graph=True, allow_unused=True
    )
    delivered = {
        key: copy_of(gradient)
        for key, gradient in zip(wanted, gradients, strict=True)
        if gradient is not None
    }
    return set(leaves.values()), delivered


def _calls(calls: Iterable[ForwardCall], numbers: Mapping[Node, int]) -> list[ForwardCall]:
    """The forward calls that recorded operations of this graph."""
    recorded = sorted(numbers.values())
    return [
        call
        for call in calls
        if bisect_left(recorded, call.first) < bisect_left(recorded, call.last)
    ]


def _outdated(ledger: Ledger, inventory: Inventory, numbers: Mapping[Node, int]) -> dict[int, str]:
    """Entries that this graph saved for its backward pass, and that changed since."""
    old = [node for node, number in numbers.items() if 0 <= number < ledger.latest_change]
    found: dict[int, str] = {}
    for node in old:
        for key in _saved_entries(node, inventory):
            changes = ledger.changes.get(key, ())
            if any(numbers[node] < change.last_old for change in changes):
                found.setdefault(key, node.name())
    return found


def _saved_entries(node: Node, inventory: Inventory) -> set[int]:
    try:
        pointers = [each.untyped_storage().data_ptr() for each in saved_tensors(node)]
    except RuntimeError as error:
        if IN_PLACE in str(error):
            return _operands(node, inventory)
        if FREED in str(error):
            return set()
        raise
    return {inventory.by_storage[each] for each in pointers if each in inventory.by_storage}


def _operands(node: Node, inventory: Inventory) -> set[int]:
    """The entries that are direct operands of an operation, or transposed or viewed on the way."""
    found: set[int] = set()
    for operand, _ in node.next_functions:
        while operand is not None and len(operand.next_functions) == 1 and leaf_of(operand) is None:
            if operand.name().removesuffix("Backward0") not in _VIEWS:
                break
            operand = operand.next_functions[0][0]
        leaf = leaf_of(operand) if operand is not None else None
        key = None if leaf is None else _entry_of(leaf, inventory)
        if key is not None:
            found.add(key)
    # A bias is added, and never saved.
    return {k for k in found if inventory.entries[k].tensor.dim() > 1} or found
