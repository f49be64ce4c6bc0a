"""Shapes in the graph of a backward pass: modules behind modules, and bootstraps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch.autograd.graph import Node

from ..observe.autograd import reachable_around, recorded_at, users_of
from ..observe.records import ForwardCall, UpdateRecord
from ..observe.spans import Spans

_JOINTS = ("MseLoss", "SmoothL1Loss", "HuberLoss", "L1Loss", "Sub", "Rsub")
"""Operations that compare a prediction with its target."""
_SCALES = ("Mul", "Addcmul", "Addcdiv", "Lerp")
_ELEMENTWISE = (
    *_SCALES, "Add", "Sub", "Rsub", "Neg", "Squeeze", "Unsqueeze", "View", "UnsafeView", "Reshape",
    "ReshapeAlias", "Minimum", "Maximum", "Min", "Max", "Gather", "Select", "Index", "Expand",
    "Clone", "ToCopy", "Slice", "Split", "Chunk", "Permute", "T", "Where", "Clamp", "Amax", "Amin",
    "Div", "AliasBackward", "Alias",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A module whose loss compares its output with its own scaled output for another input."""

    module: str
    prediction: ForwardCall
    target: ForwardCall


def behind(
    record: UpdateRecord,
    nodes: Mapping[Node, Node | None],
    leaves: Mapping[Node, int],
    spans: Spans,
) -> dict[str, set[str]]:
    """Return module → modules that the loss reaches through it alone."""
    entries = record.inventory.entries
    of: dict[str, set[Node]] = {}
    for node, key in leaves.items():
        for owner in entries[key].owners:
            of.setdefault(owner, set()).add(node)
    numbers = {node: recorded_at(node) for node in nodes}
    result: dict[str, set[str]] = {}
    for owner, own in of.items():
        if len(of) == 1:
            break
        inside = {node for node, number in numbers.items() if spans.call_at(owner, number)}
        outside = reachable_around(inside | set(users_of(own, nodes)), nodes)
        result[owner] = {
            other for other, its in of.items() if other != owner and outside.isdisjoint(its)
        }
    return result


def bootstraps(
    nodes: Mapping[Node, object], modules: Iterable[str], spans: Spans
) -> list[Bootstrap]:
    """Return the modules that are called on two inputs of one loss, one of them as its target."""
    listed = list(modules)
    met: dict[tuple[int, int], Bootstrap] = {}
    for node in nodes:
        following = [each for each, _ in node.next_functions if each is not None]
        if len(following) != 2 or not _is(node, _JOINTS):
            continue
        for one, other in (following, following[::-1]):
            plain = {
                call: name for name, call, scaled in _sources(one, listed, spans) if not scaled
            }
            for name, call, scaled in _sources(other, listed, spans):
                for prediction, module in plain.items():
                    if scaled and module == name and call is not prediction:
                        met[id(prediction), id(call)] = Bootstrap(name, prediction, call)
    return list(met.values())


def _sources(
    root: Node, modules: Sequence[str], spans: Spans
) -> Iterator[tuple[str, ForwardCall, bool]]:
    """Yield (module, call, True if scaled) that a node leads to by elementwise operations."""
    queue, met = [(root, False)], {root}
    for node, scaled in queue:
        number = recorded_at(node)
        found = False
        for module in modules:
            call = spans.call_at(module, number)
            if call is not None:
                yield module, call, scaled
                found = True
        if not found and _is(node, _ELEMENTWISE):
            scaled = scaled or _is(node, _SCALES)
            for following, _ in node.next_functions:
                if following is not None and following not in met:
                    met.add(following)
                    queue.append((following, scaled))


def _is(node: Node, names: Sequence[str]) -> bool:
    return node.name().rstrip("0123456789").removesuffix("Backward") in names
