"""Tables and graphs of the lesson, as the notebook displays them."""

from torch import Tensor, nn

from ddpg.tutorial.agent_update import draw_actor_update, draw_critic_update
from ddpg.tutorial.blocks import LessonTable
from ddpg.tutorial.drawing import Drawing
from ddpg.tutorial.layers_update import observe_layers
from ddpg.tutorial.lesson import stop_details
from ddpg.tutorial.lesson.actor_update import networks_table
from ddpg.tutorial.lesson.critic_update import bootstraps_table
from ddpg.tutorial.lesson.layer_stops import draw_layers, gradient_table, side_by_side_table
from ddpg.tutorial.markdown import inline_html, plain_text


class TableView:
    """Table as HTML and as text."""

    def __init__(self, table: LessonTable):
        self.table = table

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        columns, rows = self.table.columns, self.table.rows
        head = "".join(f"<th>{inline_html(column)}</th>" for column in columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{inline_html(cell)}</td>' for cell in row)}</tr>" for row in rows
        )
        text = "\n".join(" | ".join(map(plain_text, line)) for line in (columns, *rows))
        return {"text/plain": text, "text/html": f"<table><tr>{head}</tr>{body}</table>"}


class DrawingView:
    """Drawing as SVG; its text is the titles of the panels."""

    def __init__(self, drawing: Drawing):
        self.drawing = drawing

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        text = "\n".join(panel.title for panel in self.drawing.panels)
        return {"text/plain": text, "image/svg+xml": self.drawing.svg()}


def layers(loss: Tensor, l1: nn.Module, l2: nn.Module) -> tuple[TableView, DrawingView]:
    """Return table and graph of an update that you ran yourself on `two_layers()`.

    Args:
        loss: the loss that the update stepped on.
        l1: the first layer, after the step.
        l2: the second layer, after the step.
    """
    update = observe_layers(loss, l1, l2)
    return TableView(gradient_table(update)), DrawingView(draw_layers("this update", update))


def side_by_side() -> TableView:
    """Return the summary of all stops between L1 and L2."""
    return TableView(side_by_side_table())


def inference_uses() -> TableView:
    """Return one row per use of an inference tensor."""
    return TableView(stop_details.inference_table())


def every_other_step() -> TableView:
    """Return the steps at which every other gradient of L1 is zero."""
    return TableView(stop_details.every_other_step_table())


def limited_norm() -> TableView:
    """Return the steps at which the norm of L1's gradient is limited."""
    return TableView(stop_details.limit_table())


def clipped_norm() -> TableView:
    """Return the steps after a clip of one norm, and of one norm per layer."""
    return TableView(stop_details.clip_table())


def by_hand() -> TableView:
    """Return the comparison of SGD by hand with `optim.SGD`."""
    return TableView(stop_details.by_hand_table())


def critic_update(stop: str) -> tuple[TableView, DrawingView]:
    """Return table and graphs of the critic update, with both bootstrap actors."""
    return TableView(bootstraps_table(stop)), DrawingView(draw_critic_update(stop))


def actor_update(stop: str) -> tuple[TableView, DrawingView]:
    """Return table and graphs of the actor update."""
    return TableView(networks_table(stop)), DrawingView(draw_actor_update(stop))
