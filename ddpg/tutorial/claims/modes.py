"""Claims about `inference_mode` and `eval`."""

import torch
from torch import Tensor, nn

from ddpg.isolation.observe.saved_tensors import SavedTensors
from ddpg.tutorial import layers_seen
from ddpg.tutorial.claims.claim import Part
from ddpg.tutorial.claims.cutting import INPUTS, perceptron
from ddpg.tutorial.inference_uses import uses
from ddpg.tutorial.layers import Layers


def inference_tracks_nothing_downstream() -> list[Part]:
    """What L2 makes of an inference tensor."""
    tried = {use.code: use for use in uses()}
    named = {
        "L2, inside the mode": "L2(hidden) inside the mode",
        "L2, outside the mode": "L2(hidden)",
        "L2 on a clone, outside the mode": "L2(hidden.clone())",
        "`cat` with a tracked tensor, outside the mode": "torch.cat([hidden, L2(x)], dim=1)",
        "`L2.weight + hidden`, outside the mode": "L2.weight + hidden",
    }
    return [
        Part(name, not tried[code].error and not tried[code].tracked, tried[code].outcome)
        for name, code in named.items()
    ]


def inference_tensors_are_useless_outside() -> list[Part]:
    """Every use of the lesson."""
    return [
        Part(f"`{use.code}` is an error", bool(use.error), use.outcome)
        for use in uses()
        if "inside" not in use.code
    ]


def inference_saves_no_less_than_no_grad() -> list[Part]:
    """Both save nothing."""
    l1, inputs = perceptron(), torch.ones(256, INPUTS)
    with SavedTensors() as ungraded, torch.no_grad():
        l1(inputs)
    with SavedTensors() as inferred, torch.inference_mode():
        l1(inputs)
    return [
        Part(
            "it saves less for a backward pass",
            inferred.made.bytes < ungraded.made.bytes,
            f"`no_grad` {ungraded.made}; `inference_mode` {inferred.made}",
        )
    ]


def eval_stops_gradients() -> list[Part]:
    """L1 in `eval()`."""
    seen, control = layers_seen.see("eval"), layers_seen.see("none")
    return [
        Part("L1 gets no gradient", seen.kind("L1") == "None", f"`.grad`: {seen.kind('L1')}"),
        Part("L1 is not in the graph", not seen.in_graph("L1"), "the graph is the control's"),
        Part("less is saved", seen.held.bytes < control.held.bytes, f"{seen.held} in both"),
        Part("the step leaves L1 where it was", not seen.moved("L1"), "it moves as the control's"),
    ]


def eval_does_nothing_else() -> list[Part]:
    """The same gradients to the bit, in train and in eval mode?"""
    layers = {
        "linear layers": nn.Identity(),
        "with dropout": nn.Dropout(0.5),
        "with batch normalization": nn.BatchNorm1d(2),
    }
    return [
        Part(
            f"{name}: the same gradients as in train mode",
            all(torch.equal(a, b) for a, b in zip(*_both_modes(layer), strict=True)),
        )
        for name, layer in layers.items()
    ]


def _both_modes(layer: nn.Module) -> list[list[Tensor]]:
    found: list[list[Tensor]] = []
    for training in (True, False):
        layers = Layers("none")
        network = nn.Sequential(layers.l1, layer, layers.l2).train(training)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            network(layers.x).square().sum().backward()
        found.append([p.grad for p in layers.parameters().values() if p.grad is not None])
    return found
