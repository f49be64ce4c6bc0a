"""The autograd graph of a loss, drawn by torchviz, with box keys that are the same in two runs."""

import warnings
from collections.abc import Iterable, Mapping

import pygraphviz
from torch import Tensor, nn
from torch.autograd.graph import Node as Operation

from ddpg.tutorial.drawing import Box, Graph, Role

with warnings.catch_warnings():
    # torchviz still reads torch's version with distutils.
    warnings.simplefilter("ignore", DeprecationWarning)
    from torchviz import make_dot

_LEAF = "AccumulateGrad"


def autograd_graph(
    loss: Tensor,
    parameters: Mapping[str, nn.Parameter],
    trained: Iterable[str],
    notes: Mapping[str, tuple[str, ...]],
) -> Graph:
    """Return torchviz's graph of `loss`, each parameter and its `AccumulateGrad` as one box.

    Args:
        loss: a scalar with a graph.
        parameters: name -> parameter.
        trained: names of the trained parameters; the others are protected.
        notes: name -> further lines of the parameter's label.
    """
    names = {id(parameter): name for name, parameter in parameters.items()}
    positions = _positions(loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        source = pygraphviz.AGraph(string=make_dot(loss, params=dict(parameters)).source)
    boxes: dict[str, Box] = {}
    for drawn in source.nodes():
        position = positions.get(int(drawn))
        if position is None:
            continue
        key, operation = position
        kind = type(operation).__name__
        name = names.get(_variable_id(operation), "") if kind == _LEAF else ""
        role: Role = "operation" if not name else "trained" if name in trained else "protected"
        boxes[key] = Box((name, *notes[name], kind), role, name) if name else Box((kind,), role)
    ends = ((positions.get(int(edge[0])), positions.get(int(edge[1]))) for edge in source.edges())
    edges = {(start[0], end[0]) for start, end in ends if start is not None and end is not None}
    # torchviz draws the loss itself as a tensor behind its last operation.
    boxes["loss"] = Box(("loss",), "loss")
    return Graph(boxes, frozenset(edges | {("0", "loss")}))


def _positions(loss: Tensor) -> dict[int, tuple[str, Operation]]:
    """Return id of an operation -> its position (input indices from the loss on), operation."""
    assert loss.grad_fn is not None, "the loss has no graph"
    positions: dict[int, tuple[str, Operation]] = {}
    queue = [("0", loss.grad_fn)]
    for position, operation in queue:
        if id(operation) not in positions:
            positions[id(operation)] = (position, operation)
            queue += [
                (f"{position}.{index}", following)
                for index, (following, _) in enumerate(operation.next_functions)
                if following is not None
            ]
    return positions


def _variable_id(operation: Operation) -> int:
    return id(getattr(operation, "variable", None))
