"""Paths from a loss to a leaf as steps, and the user's lines where they enter a module."""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from torch.autograd.graph import Node

from ..observe.autograd import (
    has_changed_tensors,
    path_to_root,
    reachable_around,
    recorded_at,
    users_of,
    walk,
)
from ..observe.inventory import Entry
from ..observe.records import ForwardCall, UpdateRecord
from ..observe.spans import Spans
from ..results import PathStep
from .sources import Frame, UserLine, caller_of, parse_traceback, users_line

FramesOf = Callable[[Node], list[Frame]]
"""Returns the stack that recorded an operation."""


def steps_to(
    record: UpdateRecord,
    leaf: Node,
    nodes: Mapping[Node, Node | None],
    entry: Entry,
    frames: FramesOf,
) -> tuple[PathStep, ...]:
    """Return the steps from the loss to a leaf."""
    above = _operations(record, leaf, nodes, frames)[1:]
    end = PathStep(f"parameter {entry.label}", entry.owners[0])
    return (PathStep("loss"), *reversed(above), end)


def changed_path(
    record: UpdateRecord, nodes: Mapping[Node, Node | None], frames: FramesOf
) -> tuple[tuple[PathStep, ...], UserLine]:
    """Return the path to an operation whose saved value was changed in place, and its line."""
    for node in nodes:
        if has_changed_tensors(node):
            steps = reversed(_operations(record, node, nodes, frames))
            return (PathStep("loss"), *steps), users_line(frames(node))
    return (), UserLine()


def entry_line(
    record: UpdateRecord,
    leaf: Node,
    nodes: Mapping[Node, Node | None],
    owner: str,
    frames: FramesOf,
) -> UserLine:
    """Return the line that called the module; for bare tensors, of the operation that used them."""
    operations = path_to_root(leaf, nodes)[1:]
    if not operations:
        return UserLine()
    calls = [(node, record.call_at(recorded_at(node), owner)) for node in reversed(operations)]
    inside = [(node, call) for node, call in calls if call is not None]
    if not any(call.label == owner for _, call in inside):
        # The user called a method, or `forward`, which no hook sees.
        line = caller_of(frames(operations[0]), record.inventory.modules[owner])
        if line is not None:
            return line
    if not inside:
        return users_line(frames(operations[0]))
    return users_line(frames(inside[0][0]), inside[0][1].depth)


def reached_modules(
    record: UpdateRecord,
    nodes: Mapping[Node, Node | None],
    leaves: Mapping[Node, int],
    owner: str,
    calls: Sequence[ForwardCall],
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the modules that the loss reaches through `owner`, and those reached without it."""
    entries, spans = record.inventory.entries, Spans(calls)
    inside = [node for node in nodes if spans.call_at(owner, recorded_at(node)) is not None]
    inside += users_of({n for n, k in leaves.items() if owner in entries[k].owners}, nodes)
    below = walk(inside)
    outside = reachable_around(set(inside), nodes)

    def owners(among: Container[Node]) -> set[str]:
        keys = [key for node, key in leaves.items() if node in among]
        return {each for key in keys for each in entries[key].owners} - {owner}

    return tuple(sorted(owners(below))), frozenset(owners(outside))


def _operations(
    record: UpdateRecord, node: Node, nodes: Mapping[Node, Node | None], frames: FramesOf
) -> list[PathStep]:
    """Return a step per operation, from the node to the loss."""
    steps: list[PathStep] = []
    for each in path_to_root(node, nodes):
        call = record.call_at(recorded_at(each))
        line = str(users_line(frames(each)))
        steps.append(PathStep(each.name(), call.label if call else "", line))
    return steps


def traceback_frames(node: Node) -> list[Frame]:
    """Return the stack that anomaly mode stored with a node."""
    metadata: Any = node.metadata
    return parse_traceback(metadata.get("traceback_", ()))
