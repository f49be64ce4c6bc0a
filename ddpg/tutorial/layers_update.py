"""One update of the two layers: gradients, movement, graph, saved tensors."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from ddpg.isolation import Cell
from ddpg.isolation.observe.autograd import leaf_of, walk
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.tutorial.autograd_graph import autograd_graph
from ddpg.tutorial.drawing import Box, Graph
from ddpg.tutorial.two_layers import UPDATE, TwoLayers, audit_layers, named_parameters


@dataclass(frozen=True)
class ParameterUpdate:
    """One parameter in one update.

    Attributes:
        in_graph: the loss has a path to the parameter.
        gradient: `.grad` at the step.
        movement: L2 norm of the change.
    """

    in_graph: bool
    gradient: Tensor | None
    movement: float

    @property
    def grade(self) -> str:
        """The grade in words, a key of `ddpg.tutorial.drawing.GRADES`."""
        if self.movement:
            return "moved"
        gradient = {"None": "", "zero": "zero gradient", "value": "gradient"}
        return gradient[gradient_kind(self.gradient)] or (
            "reached" if self.in_graph else "not touched"
        )


@dataclass(frozen=True)
class LayersUpdate:
    """One update of two layers.

    Attributes:
        parameters: by name, as `L1.weight`.
        graph: autograd graph of the loss.
    """

    parameters: dict[str, ParameterUpdate]
    graph: Graph

    @property
    def operation_count(self) -> int:
        """Number of operations in the graph, without leaves."""
        return sum(box.role == "operation" for box in self.graph.boxes.values())

    def gradient_kind(self, layer: str) -> str:
        """Return `None`, `zero` or `value` for the layer's gradients."""
        kinds = (gradient_kind(parameter.gradient) for parameter in self._of(layer))
        return " / ".join(dict.fromkeys(kinds))

    def grade(self, layer: str) -> str:
        """Return the grade of the layer's parameters in words."""
        return " / ".join(dict.fromkeys(parameter.grade for parameter in self._of(layer)))

    def moved(self, layer: str) -> bool:
        """Return True if the step moved the layer."""
        return any(parameter.movement for parameter in self._of(layer))

    def in_graph(self, layer: str) -> bool:
        """Return True if a parameter of the layer is in the graph."""
        return any(parameter.in_graph for parameter in self._of(layer))

    def _of(self, layer: str) -> list[ParameterUpdate]:
        return [update for name, update in self.parameters.items() if name.startswith(layer)]


@dataclass(frozen=True)
class StopUpdate(LayersUpdate):
    """One update under one stop of `ddpg.stops`.

    Attributes:
        stop: name of the stop.
        cells: result of the audit, by parameter.
        saved: tensors that the forward pass saved for a backward pass.
        held: the saved tensors that the graph of the loss still holds.
    """

    stop: str
    cells: dict[str, Cell]
    saved: Amount
    held: Amount


@cache
def run_layers_update(stop: str) -> StopUpdate:
    """Run one update of the two layers under `stop`."""
    layers = TwoLayers(stop)
    report = audit_layers(layers)
    cells = {name: report[UPDATE, name] for name in layers.parameters()}
    with SavedTensors() as saved_tensors:
        loss = layers.loss()
    saved, held = saved_tensors.made, saved_tensors.held
    layers.minimize(loss)
    update = observe_layers(loss, layers.l1, layers.l2)
    return StopUpdate(update.parameters, update.graph, stop, cells, saved, held)


def observe_layers(loss: Tensor, l1: nn.Module, l2: nn.Module) -> LayersUpdate:
    """Return the update that began with the weights of `TwoLayers` and stepped on `loss`."""
    before = TwoLayers("none").parameters()
    parameters = named_parameters(l1, l2)
    movements = {
        name: float(torch.linalg.vector_norm((parameter - before[name]).detach()))
        for name, parameter in parameters.items()
    }
    assert loss.grad_fn is not None, "the loss has no graph"
    reached = {id(leaf_of(node)) for node in walk([loss.grad_fn])}
    updates = {
        name: ParameterUpdate(
            in_graph=id(parameter) in reached,
            gradient=None if parameter.grad is None else parameter.grad.clone(),
            movement=movements[name],
        )
        for name, parameter in parameters.items()
    }
    return LayersUpdate(updates, autograd_graph(loss, parameters, _boxes(parameters, updates)))


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


def _boxes(
    parameters: dict[str, nn.Parameter], updates: dict[str, ParameterUpdate]
) -> dict[str, Box]:
    boxes: dict[str, Box] = {}
    for name, update in updates.items():
        role = "trained" if name.startswith("L2") else "protected"
        label = (f"{name} {list(parameters[name].shape)}", role, update.grade)
        boxes[name] = Box(label, role, name, update.grade)
    return boxes


def _rounded(values: float | list[float]) -> str:
    if isinstance(values, list):
        return f"[{', '.join(_rounded(value) for value in values)}]"
    return f"{values:.2f}"
