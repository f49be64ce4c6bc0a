"""The first part of the lesson: L1 → L2 under every stop."""

from typing import NamedTuple

from ddpg.stops import STOPS, Crossing, Effect, StopError, check, legal
from ddpg.tutorial.blocks import Code, Figure, Section, Table, Words
from ddpg.tutorial.drawing import beside
from ddpg.tutorial.layers_seen import Seen, gradient_text, see


class Text(NamedTuple):
    """What is said of a stop, and the line that it comes down to."""

    words: str
    code: str


TEXTS = {
    "none": Text(
        "The control. Nothing stands between L1 and L2, and the optimizer holds both layers, so "
        "the loss of the head trains the whole network. Every other stop is read against this "
        "table.",
        "hidden = L1(x)\nloss = mse_loss(L2(hidden), y)\nloss.backward()\noptimizer.step()",
    ),
    "detach": Text(
        "`detach` gives a tensor over the same memory that has no history. L1 has run and has been "
        "recorded by then: what it saved is freed again as soon as nobody holds the undetached "
        "`hidden`.",
        "hidden = L1(x).detach()",
    ),
    "no_grad": Text(
        "Inside `no_grad` nothing is recorded, so L1's part of the graph is never built and "
        "nothing is saved for it. The graph that is left is the one that `detach` leaves.",
        "with torch.no_grad():\n    hidden = L1(x)",
    ),
    "inference": Text(
        "`inference_mode` records nothing either, and also leaves out version counters and view "
        "tracking. Its tensors are marked for good: L2 cannot save one for its backward pass, so a "
        "clone is taken outside the mode (the next part shows the uses that fail and that pass).",
        "with torch.inference_mode():\n    hidden = L1(x)\nhidden = hidden.clone()",
    ),
    "optimizer": Text(
        "The graph stays whole and L1 gets its gradient; nobody applies it, since the optimizer "
        "was given L2 alone. The price is the backward pass through L1, and a `.grad` that this "
        "optimizer's `zero_grad` will never clear.",
        "optimizer = SGD(L2.parameters(), lr=0.1)",
    ),
    "manual": Text(
        "The backward pass writes every gradient, and they are edited before the step. What is "
        "left for L1 is **zero, not None**: plain SGD stands still on a zero, an optimizer with "
        "momentum or weight decay need not.",
        "loss.backward()\nfor parameter in L1.parameters():\n    parameter.grad.zero_()\n"
        "optimizer.step()",
    ),
    "eval": Text(
        "The misconception. `eval()` tells dropout and batch normalization how to behave; "
        "autograd does not ask. The table is the control's, number by number.",
        "L1.eval()\nhidden = L1(x)",
    ),
    "freeze": Text(
        "Three more stops that are in use elsewhere. `requires_grad_(False)` takes the weights out "
        "of the graph, and still lets a gradient through to what enters the layer, which matters "
        "once the trained network stands in front of the protected one.",
        "L1.requires_grad_(False)\nhidden = L1(x)\nL1.requires_grad_(True)",
    ),
    "inputs": Text(
        "The graph is whole, and the backward pass is told for which leaves to accumulate. L1 is "
        "reachable and its `.grad` stays None.",
        "loss.backward(inputs=list(L2.parameters()))",
    ),
    "substitute": Text(
        "L1 runs on detached copies of its parameters: the same values, and nobody's leaves.",
        "weights = {name: p.detach() for name, p in L1.named_parameters()}\n"
        "hidden = torch.func.functional_call(L1, weights, (x,))",
    ),
}


def part() -> list[Section]:
    """The problem, a section a stop, and all of them side by side."""
    names = legal(Crossing.UPSTREAM, Effect.LEAKS, Effect.PROTECTS)
    control = see("none")
    seen = [control, *(see(name) for name in names if name != "none")]
    return [
        _problem(),
        *(_stop(each, control) for each in seen),
        _side_by_side(seen),
    ]


def gradient_table(seen: Seen) -> Table:
    """A row a parameter: graph, gradient, movement, and the audit's verdict."""
    rows = tuple(
        (
            f"`{name}`",
            "yes" if touch.in_graph else "no",
            gradient_text(touch),
            f"{touch.moved:.4f}" if touch.moved else "no",
            touch.cell.verdict,
        )
        for name, touch in seen.touches.items()
    )
    return Table(("parameter", "in the graph", "`.grad`", "moved by", "audit"), rows)


def held_words(seen: Seen) -> str:
    """What the graph still holds, in a sentence."""
    count = len(seen.graph.parameters)
    freed = (
        "" if seen.made == seen.held else f" (saved in all: {seen.made}; the cut let the rest go)"
    )
    return (
        f"The graph still holds {seen.operations} operations and {count} of 4 parameters; saved "
        f"for the backward pass: {seen.held}{freed}."
    )


def _problem() -> Section:
    return Section(
        "1. The smallest crossing: L1 → L2",
        (
            Words(
                "Two linear layers, and only the head L2 is to be trained. Somewhere between the "
                "loss and L1 the gradient has to stop. A touch has three grades: the graph "
                "**reaches** a parameter, the backward pass **writes** its `.grad`, the step "
                "**moves** it; each stop acts at another of them. All stops here are those of "
                "`ddpg.stops`, which the agent runs on; the last column is the verdict of "
                "`ddpg.isolation`, the audit, over the promise that L2 is trained and L1 does not "
                "move."
            ),
            Code("hidden = L1(x)      # [4, 2]\ny = L2(hidden)      # [4, 1]"),
            Words(
                "Weights and data are the same in every table; the optimizer is SGD with lr 0.1. "
                "In the pictures L2 is blue, L1 orange; dashed grey is what the stop took out of "
                "the control's graph, which is drawn first."
            ),
        ),
        level=1,
    )


def _stop(seen: Seen, control: Seen) -> Section:
    text = TEXTS[seen.expression]
    removed = len(control.graph.nodes.keys() - seen.graph.nodes.keys())
    return Section(
        f"{seen.expression}: {STOPS[seen.expression].summary}",
        (
            Words(text.words),
            Code(text.code),
            gradient_table(seen),
            Words(held_words(seen)),
            Figure(
                f"layers-{seen.expression}",
                beside(control.graph, seen.graph, seen.expression),
                "The control."
                if seen is control
                else f"`{seen.expression}` takes {removed or 'none'} of the control's "
                f"{len(control.graph.nodes)} boxes out of the graph.",
            ),
        ),
    )


def _side_by_side(seen: list[Seen]) -> Section:
    rows = tuple(
        (
            f"`{each.expression}`",
            "yes" if each.in_graph("L1") else "no",
            each.kind("L1"),
            "yes" if each.moved("L1") else "no",
            each.kind("L2"),
            "yes" if each.moved("L2") else "no",
            str(each.made.bytes),
            str(each.held.bytes),
        )
        for each in seen
    )
    columns = (
        "stop", "L1 in the graph", "L1 `.grad`", "L1 moved", "L2 `.grad`", "L2 moved",
        "bytes saved", "bytes held",
    )  # fmt: skip
    return Section(
        "Side by side",
        (
            Table(columns, rows),
            Words(
                "Every stop that leaves L1 where it is gives L2 the control's gradient to the bit: "
                "they differ in what they cost and what they leave behind, not in what is learned. "
                f"`chain_rule` is missing: {_not_defined('chain_rule')}."
            ),
        ),
    )


def _not_defined(name: str) -> str:
    try:
        check(name, Crossing.UPSTREAM)
    except StopError as error:
        return str(error)
    raise AssertionError(f"{name} is defined upstream")
