"""The autograd graph of a loss, with box keys that are the same in two runs."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn
from torch.autograd.graph import Node as Operation

from ddpg.tutorial.drawing import Box, Graph, Role

_LEAF = "AccumulateGrad"


def autograd_graph(
    loss: Tensor,
    parameters: Mapping[str, nn.Parameter],
    trained: Iterable[str],
    notes: Mapping[str, tuple[str, ...]],
) -> Graph:
    """Return the graph of `loss`, each parameter and its `AccumulateGrad` as one box.

    Args:
        loss: a scalar with a graph.
        parameters: name -> parameter.
        trained: names of the trained parameters; the others are protected.
        notes: name -> further lines of the parameter's label.
    """
    names = {id(parameter): name for name, parameter in parameters.items()}
    positions = _positions(loss)
    boxes: dict[str, Box] = {}
    edges: set[tuple[str, str]] = {("0", "loss")}
    for key, operation in positions.values():
        kind = type(operation).__name__
        name = names.get(_variable_id(operation), "") if kind == _LEAF else ""
        role: Role = "operation" if not name else "trained" if name in trained else "protected"
        boxes[key] = Box((name, *notes[name], kind), role, name) if name else Box((kind,), role)
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
