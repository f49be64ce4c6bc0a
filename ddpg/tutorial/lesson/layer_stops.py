"""Chapter 1: L1 → L2 under every stop."""

from typing import NamedTuple

from ddpg.stops import STOPS, Crossing, Effect, StopError, check, stop_names
from ddpg.tutorial.blocks import Code, GraphFigure, LessonSection, LessonTable, Paragraph
from ddpg.tutorial.drawing import draw_beside
from ddpg.tutorial.layers_update import LayersUpdate, gradient_text, run_layers_update


class StopText(NamedTuple):
    """A paragraph on a stop, and the code that it amounts to."""

    paragraph: str
    code: str


STOP_TEXTS = {
    "none": StopText(
        "The control. Nothing separates L1 from L2 and the optimizer holds both layers, so the "
        "loss of the head trains the whole network. Compare every other stop with this table.",
        "hidden = L1(x)\nloss = mse_loss(L2(hidden), y)\nloss.backward()\noptimizer.step()",
    ),
    "detach": StopText(
        "`detach` returns a tensor that shares memory with `hidden` and has no history. By then L1 "
        "has run and autograd has recorded it. The tensors saved for L1 are freed once no variable "
        "refers to the original `hidden`.",
        "hidden = L1(x).detach()",
    ),
    "no_grad": StopText(
        "Under `no_grad` autograd records nothing: L1's part of the graph is never built, and "
        "nothing is saved for it. The remaining graph is the same as under `detach`.",
        "with torch.no_grad():\n    hidden = L1(x)",
    ),
    "inference": StopText(
        "Under `inference_mode` autograd records nothing either, and it also skips version "
        "counters and view tracking. The tensors stay inference tensors for good, and L2 cannot "
        "save one for its backward pass. The stop therefore clones it outside the mode. Chapter 2 "
        "shows which uses of an inference tensor fail and which work.",
        "with torch.inference_mode():\n    hidden = L1(x)\nhidden = hidden.clone()",
    ),
    "optimizer": StopText(
        "The graph stays whole and L1 gets its gradient, but the optimizer holds only L2, so the "
        "gradient is never applied. The cost is the backward pass through L1, and a `.grad` that "
        "this optimizer's `zero_grad` never clears.",
        "optimizer = SGD(L2.parameters(), lr=0.1)",
    ),
    "manual": StopText(
        "The backward pass writes every gradient, and the stop edits them before the step. L1's "
        "gradient is then **zero, not None**. Plain SGD does not move a parameter whose gradient "
        "is zero; an optimizer with momentum or weight decay may.",
        "loss.backward()\nfor parameter in L1.parameters():\n    parameter.grad.zero_()\n"
        "optimizer.step()",
    ),
    "eval": StopText(
        "A common misconception. `eval()` changes what dropout and batch normalization compute, "
        "and nothing in autograd. This table equals the control's, number by number.",
        "L1.eval()\nhidden = L1(x)",
    ),
    "freeze": StopText(
        "This stop and the next two are used by other libraries. `requires_grad_(False)` takes the "
        "weights out of the graph, but a gradient still passes through the layer to its input. "
        "That matters when the trained network comes before the protected one, as in chapter 4.",
        "L1.requires_grad_(False)\nhidden = L1(x)\nL1.requires_grad_(True)",
    ),
    "inputs": StopText(
        "The graph is whole, and `backward` gets a list of the leaves whose gradients it may "
        "write. L1 is reached and its `.grad` stays None.",
        "loss.backward(inputs=list(L2.parameters()))",
    ),
    "substitute": StopText(
        "L1 runs on detached copies of its parameters. The values are the same, and L1's own "
        "parameters are not in the graph.",
        "weights = {name: p.detach() for name, p in L1.named_parameters()}\n"
        "hidden = torch.func.functional_call(L1, weights, (x,))",
    ),
}


def sections() -> list[LessonSection]:
    """Return the problem, one section per stop, and the summary of all stops."""
    names = stop_names(Crossing.UPSTREAM, Effect.LEAKS, Effect.PROTECTS)
    control = run_layers_update("none")
    updates = [control, *(run_layers_update(name) for name in names if name != "none")]
    return [
        _problem(),
        *(_stop(update, control) for update in updates),
        _side_by_side(updates),
    ]


def gradient_table(update: LayersUpdate) -> LessonTable:
    """Return one row per parameter: graph, gradient, movement, and the audit's verdict."""
    rows = tuple(
        (
            f"`{name}`",
            "yes" if parameter.in_graph else "no",
            gradient_text(parameter),
            f"{parameter.movement:.4f}" if parameter.movement else "no",
            parameter.cell.verdict,
        )
        for name, parameter in update.parameters.items()
    )
    return LessonTable(("parameter", "in the graph", "`.grad`", "moved by", "audit"), rows)


def graph_summary(update: LayersUpdate) -> str:
    """Return a sentence on the graph's size and one on the saved tensors."""
    count = len(update.graph.parameters)
    freed = (
        ""
        if update.saved == update.held
        else f" ({update.saved} during the forward pass; the rest was freed)"
    )
    return (
        f"The graph has {update.operation_count} operations and {count} of 4 parameters. Saved for "
        f"the backward pass: {update.held}{freed}."
    )


def _problem() -> LessonSection:
    return LessonSection(
        "1. The smallest crossing: L1 → L2",
        (
            Paragraph(
                "Two linear layers, of which only the head L2 is to be trained. L2's loss depends "
                "on L1's output, so its backward pass continues into L1 unless something stops it."
            ),
            Code("hidden = L1(x)      # [4, 2]\ny = L2(hidden)      # [4, 1]"),
            Paragraph(
                "A **crossing** is a place where the output of one network enters the loss of "
                "another. The **trained** module is the one whose loss this is, here L2. The "
                "**protected** modules are those that the loss must leave alone, here L1. A "
                "**stop** is a strategy that keeps the loss from changing the protected modules."
            ),
            Paragraph(
                "A loss affects a parameter to one of three degrees. The parameter is **reached** "
                "if the autograd graph of the loss has a path to it, **written** if the backward "
                "pass writes its `.grad`, and **moved** if the update changes its value. Stops "
                "differ in which of the three they prevent."
            ),
            Paragraph(
                "All stops here are those of `ddpg.stops`, which the agent uses too. The last "
                "column of each table is the verdict of the audit (`ddpg.isolation`) on a "
                "contract: the update trains L2 and does not move L1. `kept` means that the "
                "contract holds for this parameter, `leaked` that the update did something to it "
                "that the contract forbids, `starved` that the update did not train it but should."
            ),
            Paragraph(
                "Weights and data are the same in every table. The optimizer is SGD with lr 0.1. "
                "In the graphs L2 is blue and L1 orange. The control's graph comes first; in the "
                "second graph, dashed grey marks the parts of it that the stop removed."
            ),
        ),
        level=1,
    )


def _stop(update: LayersUpdate, control: LayersUpdate) -> LessonSection:
    text = STOP_TEXTS[update.stop]
    removed = len(control.graph.boxes.keys() - update.graph.boxes.keys())
    return LessonSection(
        f"{update.stop}: {STOPS[update.stop].summary}",
        (
            Paragraph(text.paragraph),
            Code(text.code),
            gradient_table(update),
            Paragraph(graph_summary(update)),
            GraphFigure(
                f"layers-{update.stop}",
                draw_beside(control.graph, update.graph, update.stop),
                "The control."
                if update is control
                else f"`{update.stop}` removes {removed or 'none'} of the control's "
                f"{len(control.graph.boxes)} boxes from the graph.",
            ),
        ),
    )


def _side_by_side(updates: list[LayersUpdate]) -> LessonSection:
    rows = tuple(
        (
            f"`{update.stop}`",
            "yes" if update.in_graph("L1") else "no",
            update.gradient_kind("L1"),
            "yes" if update.moved("L1") else "no",
            update.gradient_kind("L2"),
            "yes" if update.moved("L2") else "no",
            str(update.saved.bytes),
            str(update.held.bytes),
        )
        for update in updates
    )
    columns = (
        "stop", "L1 in the graph", "L1 `.grad`", "L1 moved", "L2 `.grad`", "L2 moved",
        "bytes saved", "bytes held",
    )  # fmt: skip
    return LessonSection(
        "Side by side",
        (
            LessonTable(columns, rows),
            Paragraph(
                "*Bytes saved* is what the forward pass saved for the backward pass, *bytes held* "
                "what the graph still holds when the backward pass begins."
            ),
            Paragraph(
                "Under every stop that protects L1, the gradient of L2 is bit-identical to the "
                "control's. The stops differ in cost and in what they leave behind, not in what L2 "
                "learns. To stop a gradient, prefer `no_grad`: nothing is saved for L1, and the "
                "block shows which computation is left out. `inference` has no advantage over it "
                "here and needs the clone. `optimizer` and `manual` keep the graph, so they can "
                "leave out or scale the gradients of single modules."
            ),
            Paragraph(f"`chain_rule` is missing: {_why_not_legal('chain_rule')}."),
        ),
    )


def _why_not_legal(name: str) -> str:
    try:
        check(name, Crossing.UPSTREAM)
    except StopError as error:
        return str(error)
    raise AssertionError(f"{name} is legal upstream")
