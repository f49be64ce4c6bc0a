"""The autograd graph of a loss, with box keys that are the same in two runs."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn
from torch.autograd.graph import Node as Operation

from ddpg.tutorial.drawing import Box, Graph

_LEAF = "AccumulateGrad"


def autograd_graph(
    loss: Tensor, parameters: Mapping[str, nn.Parameter], drawn: Mapping[str, Box]
) -> Graph:
    """Return the graph of `loss`, each parameter and its `AccumulateGrad` as one box.

    Args:
        loss: a scalar with a graph.
        parameters: name -> parameter.
        drawn: name -> the parameter's box.
    """
    names = {id(parameter): name for name, parameter in parameters.items()}
    positions = _positions(loss)
    boxes: dict[str, Box] = {}
    edges: set[tuple[str, str]] = {("0", "loss")}
    for key, operation in positions.values():
        kind = type(operation).__name__
        name = names.get(_variable_id(operation)) if kind == _LEAF else None
        if name is None:
            boxes[key] = Box((kind,), "operation")
        else:
            boxes[key] = replace(drawn[name], label=(*drawn[name].label, kind))
        edges |= {
            (positions[id(following)][0], key)
            for following, _ in operation.next_functions
            if following is not None
        }
    boxes["loss"] = Box(("loss",), "loss")
    return Graph(boxes, frozenset(edges))


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
