"""Claims about `inference_mode` and `eval`."""

import torch
from torch import Tensor, nn

from ddpg.isolation.observe.saved_tensors import SavedTensors
from ddpg.tutorial.claims.claim import Statement
from ddpg.tutorial.claims.detach_and_no_grad import BATCH, INPUTS, perceptron
from ddpg.tutorial.inference_uses import inference_uses
from ddpg.tutorial.layers_update import run_layers_update
from ddpg.tutorial.two_layers import TwoLayers


def inference_tracks_nothing_downstream() -> list[Statement]:
    """Use an inference tensor as L2's input, in and outside the mode."""
    uses = {use.code: use for use in inference_uses()}
    codes = {
        "L2 in the mode": "L2(hidden) inside the mode",
        "L2 outside the mode": "L2(hidden)",
        "L2 on a clone, outside the mode": "L2(hidden.clone())",
        "`cat` with a tracked tensor, outside the mode": "torch.cat([hidden, L2(x)], dim=1)",
        "`L2.weight + hidden`, outside the mode": "L2.weight + hidden",
    }
    return [
        Statement(text, not uses[code].error and not uses[code].tracked, uses[code].outcome)
        for text, code in codes.items()
    ]


def inference_tensors_are_useless_outside() -> list[Statement]:
    """Try every use of the lesson."""
    return [
        Statement(f"`{use.code}` is an error", bool(use.error), use.outcome)
        for use in inference_uses()
        if "inside" not in use.code
    ]


def inference_saves_no_less_than_no_grad() -> list[Statement]:
    """Compare saved bytes."""
    l1, inputs = perceptron(), torch.ones(BATCH, INPUTS)
    with SavedTensors() as no_grad, torch.no_grad():
        l1(inputs)
    with SavedTensors() as inference, torch.inference_mode():
        l1(inputs)
    return [
        Statement(
            "it saves less for a backward pass",
            inference.made.bytes < no_grad.made.bytes,
            f"`no_grad` {no_grad.made}; `inference_mode` {inference.made}",
        )
    ]


def eval_stops_gradients() -> list[Statement]:
    """Compare L1 in `eval()` with the control."""
    update, control = run_layers_update("eval"), run_layers_update("none")
    kind = update.gradient_kind("L1")
    return [
        Statement("L1 gets no gradient", kind == "None", f"`.grad`: {kind}"),
        Statement("L1 is not in the graph", not update.in_graph("L1"), "same as the control"),
        Statement(
            "less is saved", update.held.bytes < control.held.bytes, f"{update.held} in both"
        ),
        Statement(
            "the step does not move L1", not update.moved("L1"), "it moves as under the control"
        ),
    ]


def eval_does_nothing_else() -> list[Statement]:
    """Compare gradients in train mode and in eval mode, bit by bit."""
    layers = {
        "linear layers": nn.Identity(),
        "with dropout": nn.Dropout(0.5),
        "with batch normalization": nn.BatchNorm1d(2),
    }
    return [
        Statement(
            f"{name}: the same gradients as in train mode",
            all(torch.equal(a, b) for a, b in zip(*_both_modes(layer), strict=True)),
        )
        for name, layer in layers.items()
    ]


def _both_modes(layer: nn.Module) -> list[list[Tensor]]:
    gradients: list[list[Tensor]] = []
    for training in (True, False):
        layers = TwoLayers("none")
        network = nn.Sequential(layers.l1, layer, layers.l2).train(training)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            network(layers.x).square().sum().backward()
        gradients.append([p.grad for p in layers.parameters().values() if p.grad is not None])
    return gradients
