"""The autograd graph of a loss as torchviz sees it, with keys that compare between two runs."""

import warnings
from collections.abc import Iterable, Mapping

import pygraphviz
from torch import Tensor, nn
from torch.autograd.graph import Node as Operation

from ddpg.tutorial.drawing import Graph, Node, Role

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
    """What torchviz draws of `loss`, a parameter and its `AccumulateGrad` as one box.

    Args:
        loss: a scalar with a graph.
        parameters: name → parameter, for the labels.
        trained: the names of the trained ones; the others are protected.
        notes: name → further lines under it.
    """
    names = {id(parameter): name for name, parameter in parameters.items()}
    places = _places(loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        source = pygraphviz.AGraph(string=make_dot(loss, params=dict(parameters)).source)
    nodes: dict[str, Node] = {}
    for drawn in source.nodes():
        place = places.get(int(drawn))
        if place is None:
            continue
        operation = type(place[1]).__name__
        name = names.get(_variable_of(place[1]), "") if operation == _LEAF else ""
        role: Role = "operation" if not name else "trained" if name in trained else "protected"
        nodes[place[0]] = (
            Node((name, *notes[name], operation), role, name) if name else Node((operation,), role)
        )
    ends = ((places.get(int(edge[0])), places.get(int(edge[1]))) for edge in source.edges())
    edges = {(one[0], two[0]) for one, two in ends if one is not None and two is not None}
    # torchviz draws the loss itself as a tensor behind its last operation.
    nodes["loss"] = Node(("loss",), "loss")
    return Graph(nodes, frozenset(edges | {("0", "loss")}))


def _places(loss: Tensor) -> dict[int, tuple[str, Operation]]:
    """Identity of an operation → its way from the loss (which input of which input), and itself."""
    assert loss.grad_fn is not None, "a loss with a graph"
    found: dict[int, tuple[str, Operation]] = {}
    queue = [("0", loss.grad_fn)]
    for place, operation in queue:
        if id(operation) not in found:
            found[id(operation)] = (place, operation)
            queue += [
                (f"{place}.{index}", following)
                for index, (following, _) in enumerate(operation.next_functions)
                if following is not None
            ]
    return found


def _variable_of(operation: Operation) -> int:
    return id(getattr(operation, "variable", None))
