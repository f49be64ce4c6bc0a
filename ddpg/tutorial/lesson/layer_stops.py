"""Chapter 1: L1 → L2 under every stop."""

from collections.abc import Iterator

from ddpg.stops import STOPS, Crossing, Effect, StopError, check, stop_names
from ddpg.tutorial.blocks import (
    Code,
    GraphFigure,
    LessonSection,
    LessonTable,
    NotebookCode,
    Paragraph,
)
from ddpg.tutorial.drawing import CONTROL_TITLE, Drawing, GraphPanel
from ddpg.tutorial.layers_update import (
    LayersUpdate,
    StopUpdate,
    gradient_text,
    run_layers_update,
)
from ddpg.tutorial.lesson.contents import chapter_title
from ddpg.tutorial.lesson.execution import SETUP, Namespace
from ddpg.tutorial.lesson.stop_texts import STOP_TEXTS

PROBLEM = (
    Paragraph(
        "Two linear layers, of which only the head L2 is to be trained. L2's loss depends on L1's "
        "output, so its backward pass continues into L1 unless something stops it."
    ),
    Code(SETUP),
    Paragraph(
        "`x` is `[4, 2]`, the output of L1 `[4, 2]`, and the target `y` `[4, 1]`. A **crossing** "
        "is a place where the output of one network enters the loss of another. The **trained** "
        "module is the one whose loss this is, here L2. The **protected** modules are those that "
        "the loss must leave alone, here L1. A **stop** is a strategy that keeps the loss from "
        "changing the protected modules."
    ),
    Paragraph(
        "The effect of a loss on a parameter has grades. The parameter is **reached** if the "
        "autograd graph of the loss has a path to it, **written** if the backward pass writes its "
        "`.grad` (*zero gradient* or *gradient*), and **moved** if the update changes its value. "
        "Stops differ in which of the three they prevent."
    ),
    Paragraph(
        "The code under each heading is a whole update with the stop written by hand. The table "
        "and the graph come from the same stop of `ddpg.stops`, which the agent uses too. The last "
        "column of each table is the verdict of the audit (`ddpg.isolation`) on a contract: the "
        "update trains L2 and does not move L1. `kept` means that the contract holds for this "
        "parameter, `leaked` that the update did something to it that the contract forbids, "
        "`starved` that the update did not train it but should."
    ),
    Paragraph(
        "Weights and data are the same in every table. In the graphs the colour of a parameter is "
        "its grade, which is also written in its box. Protected parameters have a double frame. "
        "Arrows follow the forward pass, from the parameters to the loss, and the gradient flows "
        "against them. The control's graph comes first. In the second graph, dashed grey marks the "
        "parts of it that the stop removed."
    ),
    NotebookCode("from ddpg.tutorial import views"),
)
LAYERS_VIEW = "display(*views.layers(loss, L1, L2))"


def sections() -> Iterator[LessonSection]:
    """Yield the problem, one section per stop, and the summary of all stops."""
    yield LessonSection(chapter_title(1), PROBLEM, level=1)
    for name in _stop_names():
        yield _stop(name)
    yield _side_by_side()


def gradient_table(update: LayersUpdate) -> LessonTable:
    """Return one row per parameter: graph, gradient and movement."""
    rows = tuple(
        (
            f"`{name}`",
            "yes" if parameter.in_graph else "no",
            gradient_text(parameter),
            f"{parameter.movement:.4f}" if parameter.movement else "no",
        )
        for name, parameter in update.parameters.items()
    )
    return LessonTable(("parameter", "in the graph", "`.grad`", "moved by"), rows)


def audited_table(update: StopUpdate) -> LessonTable:
    """Return the rows of `gradient_table` with the audit's verdict."""
    table = gradient_table(update)
    verdicts = (cell.verdict for cell in update.cells.values())
    rows = tuple((*row, verdict) for row, verdict in zip(table.rows, verdicts, strict=True))
    return LessonTable((*table.columns, "audit"), rows)


def draw_layers(title: str, update: LayersUpdate) -> Drawing:
    """Draw the control's graph and next to it the graph of `update`; one graph if they are equal.

    The titles have the grade of each layer.
    """
    control = run_layers_update("none")
    first = GraphPanel(_panel_title("none", control), control.graph)
    if title == "none":
        return Drawing((first,))
    return Drawing((first, GraphPanel(_panel_title(title, update), update.graph, control.graph)))


def graph_summary(update: StopUpdate) -> str:
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


def side_by_side_table() -> LessonTable:
    """Return one row per stop: grades, gradients and saved bytes."""
    updates = map(run_layers_update, _stop_names())
    rows = tuple(
        (
            f"`{update.stop}`",
            update.grade("L1"),
            update.gradient_kind("L1"),
            update.grade("L2"),
            str(update.saved.bytes),
            str(update.held.bytes),
        )
        for update in updates
    )
    return LessonTable(("stop", "L1", "L1 `.grad`", "L2", "bytes saved", "bytes held"), rows)


def _stop_names() -> list[str]:
    return stop_names(Crossing.UPSTREAM, Effect.LEAKS, Effect.PROTECTS)


def _panel_title(stop: str, update: LayersUpdate) -> str:
    grades = f"L1 {update.grade('L1')}, L2 {update.grade('L2')}"
    if stop == "none":
        return f"{CONTROL_TITLE}: {grades}"
    same = ", as in the control" if grades == _control_grades() else ""
    return f"{stop}: {grades}{same}"


def _control_grades() -> str:
    control = run_layers_update("none")
    return f"L1 {control.grade('L1')}, L2 {control.grade('L2')}"


def _stop(name: str) -> LessonSection:
    text, update, control = STOP_TEXTS[name], run_layers_update(name), run_layers_update("none")
    removed = len(control.graph.boxes.keys() - update.graph.boxes.keys())
    return LessonSection(
        f"{name}: {STOPS[name].summary}",
        (
            Paragraph(text.paragraph),
            Namespace().run(text.code),
            NotebookCode(LAYERS_VIEW),
            audited_table(update),
            Paragraph(graph_summary(update)),
            GraphFigure(
                f"layers-{name}",
                draw_layers(name, update),
                "The control."
                if name == "none"
                else f"`{name}` removes {removed or 'none'} of the control's "
                f"{len(control.graph.boxes)} boxes from the graph.",
            ),
        ),
    )


def _side_by_side() -> LessonSection:
    return LessonSection(
        "Side by side",
        (
            NotebookCode("display(views.side_by_side())"),
            side_by_side_table(),
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
