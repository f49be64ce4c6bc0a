"""One update of the two layers under a stop: gradients, movement, graph, saved tensors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ddpg.isolation import Cell
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.tutorial.autograd_graph import autograd_graph
from ddpg.tutorial.drawing import Graph
from ddpg.tutorial.two_layers import UPDATE, TwoLayers, audit_layers


@dataclass(frozen=True)
class ParameterUpdate:
    """One parameter in one update.

    Attributes:
        in_graph: the loss has a path to the parameter.
        gradient: `.grad` at the step.
        movement: L2 norm of the change.
        cell: result of the audit for the same parameter.
    """

    in_graph: bool
    gradient: Tensor | None
    movement: float
    cell: Cell


@dataclass(frozen=True)
class LayersUpdate:
    """One update under one stop.

    Attributes:
        stop: name of the stop.
        parameters: by name, as `L1.weight`.
        graph: autograd graph of the loss.
        saved: tensors that the forward pass saved for a backward pass.
        held: the saved tensors that the graph of the loss still holds.
    """

    stop: str
    parameters: dict[str, ParameterUpdate]
    graph: Graph
    saved: Amount
    held: Amount

    @property
    def operation_count(self) -> int:
        """Number of operations in the graph, without leaves."""
        return sum(box.role == "operation" for box in self.graph.boxes.values())

    def gradient_kind(self, layer: str) -> str:
        """Return `None`, `zero` or `value` for the layer's gradients."""
        kinds = (gradient_kind(parameter.gradient) for parameter in self._of(layer))
        return " / ".join(dict.fromkeys(kinds))

    def moved(self, layer: str) -> bool:
        """Return True if the step moved the layer."""
        return any(parameter.movement for parameter in self._of(layer))

    def in_graph(self, layer: str) -> bool:
        """Return True if a parameter of the layer is in the graph."""
        return any(parameter.in_graph for parameter in self._of(layer))

    def _of(self, layer: str) -> list[ParameterUpdate]:
        return [update for name, update in self.parameters.items() if name.startswith(layer)]


def run_layers_update(stop: str) -> LayersUpdate:
    """Run one update of the two layers under `stop`."""
    layers = TwoLayers(stop)
    report = audit_layers(layers)
    parameters = layers.parameters()
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    with SavedTensors() as saved_tensors:
        loss = layers.loss()
    saved, held = saved_tensors.made, saved_tensors.held
    layers.minimize(loss)
    movements = {
        name: float(torch.linalg.vector_norm(parameter.detach() - before[name]))
        for name, parameter in parameters.items()
    }
    trained = [name for name in parameters if name.startswith("L2")]
    notes = {
        name: (
            str(list(parameter.shape)),
            f".grad {gradient_kind(parameter.grad)}",
            "moved" if movements[name] else "not moved",
        )
        for name, parameter in parameters.items()
    }
    graph = autograd_graph(loss, parameters, trained, notes)
    updates = {
        name: ParameterUpdate(
            in_graph=name in graph.parameters,
            gradient=None if parameter.grad is None else parameter.grad.clone(),
            movement=movements[name],
            cell=report[UPDATE, name],
        )
        for name, parameter in parameters.items()
    }
    return LayersUpdate(stop, updates, graph, saved, held)


def gradient_kind(gradient: Tensor | None) -> str:
    """Return `None`, `zero` or `value`."""
    if gradient is None:
        return "None"
    return "value" if bool(gradient.count_nonzero()) else "zero"


def gradient_text(update: ParameterUpdate) -> str:
    """Return `None`, `zero`, or `value` and the elements."""
    kind = gradient_kind(update.gradient)
    if update.gradient is None or kind == "zero":
        return kind
    return f"{kind} {_rounded(update.gradient.tolist())}"


def _rounded(values: float | list[float]) -> str:
    if isinstance(values, list):
        return f"[{', '.join(_rounded(value) for value in values)}]"
    return f"{values:.2f}"
