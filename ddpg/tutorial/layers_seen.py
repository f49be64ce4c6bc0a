"""What one update of the two layers shows under a stop: gradients, movement, graph."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpg.isolation import Cell
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.tutorial.autograd_graph import autograd_graph
from ddpg.tutorial.drawing import Graph
from ddpg.tutorial.layers import UPDATE, Layers, audited


@dataclass(frozen=True)
class Touch:
    """One parameter after one update.

    Attributes:
        in_graph: the loss has a path to it.
        gradient: `.grad` as the step found it.
        moved: L2 norm of what the step changed.
        cell: the same as the audit says it.
    """

    in_graph: bool
    gradient: Tensor | None
    moved: float
    cell: Cell


@dataclass(frozen=True)
class Seen:
    """One update under one stop.

    Attributes:
        expression: the stop.
        touches: by the parameter's name.
        graph: the autograd graph of the loss.
        made: what the forward pass saved for a backward pass.
        held: what the loss's graph still holds of it.
    """

    expression: str
    touches: dict[str, Touch]
    graph: Graph
    made: Amount
    held: Amount

    @property
    def operations(self) -> int:
        """How many operations the graph holds, leaves apart."""
        return sum(node.role == "operation" for node in self.graph.nodes.values())

    def kind(self, layer: str) -> str:
        """`None`, `zero` or `value`: what the layer's gradients are."""
        return " / ".join(dict.fromkeys(kind(touch.gradient) for touch in self._of(layer)))

    def moved(self, layer: str) -> bool:
        """Whether the step moved the layer."""
        return any(touch.moved for touch in self._of(layer))

    def in_graph(self, layer: str) -> bool:
        """Whether the graph holds the layer."""
        return any(touch.in_graph for touch in self._of(layer))

    def _of(self, layer: str) -> list[Touch]:
        return [touch for name, touch in self.touches.items() if name.startswith(layer)]


def see(expression: str) -> Seen:
    """Run one update of the two layers under the stop `expression`."""
    layers = Layers(expression)
    report = audited(layers)
    parameters = layers.parameters()
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    with SavedTensors() as saved:
        loss = layers.loss()
    made, held = saved.made, saved.held
    layers.descend(loss)
    moved = {
        name: float(torch.linalg.vector_norm(parameter.detach() - before[name]))
        for name, parameter in parameters.items()
    }
    trained = [name for name in parameters if name.startswith("L2")]
    notes = {
        name: (_size(parameter), f".grad {kind(parameter.grad)}", _movement(moved[name]))
        for name, parameter in parameters.items()
    }
    graph = autograd_graph(loss, parameters, trained, notes)
    touches = {
        name: Touch(
            in_graph=name in graph.parameters,
            gradient=None if parameter.grad is None else parameter.grad.clone(),
            moved=moved[name],
            cell=report[UPDATE, name],
        )
        for name, parameter in parameters.items()
    }
    return Seen(expression, touches, graph, made, held)


def kind(gradient: Tensor | None) -> str:
    """`None`, `zero` or `value`."""
    if gradient is None:
        return "None"
    return "value" if bool(gradient.count_nonzero()) else "zero"


def gradient_text(touch: Touch) -> str:
    """`None`, `zero`, or the values."""
    if touch.gradient is None or kind(touch.gradient) == "zero":
        return kind(touch.gradient)
    return f"value {_rounded(touch.gradient.tolist())}"


def _movement(moved: float) -> str:
    return "moved" if moved else "not moved"


def _size(parameter: Tensor) -> str:
    return str(list(parameter.shape))


def _rounded(values: float | list[float]) -> str:
    if isinstance(values, list):
        return f"[{', '.join(_rounded(value) for value in values)}]"
    return f"{values:.2f}"
