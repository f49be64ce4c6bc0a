"""Drawings of autograd graphs as SVG and PNG, laid out by Graphviz."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ddpg.isolation.extras import require_extra

if TYPE_CHECKING:
    from pygraphviz import AGraph

Role = Literal["trained", "protected", "operation", "loss"]


class Shade(NamedTuple):
    """Fill, outline and text of a box."""

    fill: str
    line: str
    text: str


GRADES: dict[str, Shade] = {
    "not touched": Shade("#ffffff", "#80868b", "#202124"),
    "reached": Shade("#d3e5f5", "#4a6f93", "#202124"),
    "zero gradient": Shade("#fff3b0", "#8a7a10", "#202124"),
    "gradient": Shade("#f2a43c", "#7a4a00", "#202124"),
    "moved": Shade("#1f4e8c", "#0d2d57", "#ffffff"),
}
"""Grade of a parameter -> its shade. Their order in lightness holds without colour vision."""
_OTHERS: dict[str, Shade] = {
    "operation": Shade("#f1f3f4", "#80868b", "#202124"),
    "loss": Shade("#e3e5e8", "#202124", "#202124"),
    "ghost": Shade("#ffffff", "#9aa0a6", "#6b7177"),
}
CONTROL_TITLE = "none (the control)"
LEGEND = (
    "Arrows follow the forward pass, from the parameters to the loss. The gradient flows against "
    "them.",
    "Double frame: protected. Dashed: removed from the control's graph by the stop.",
)
_FONT = "Helvetica"
_EDGE = "#5f6368"
_FRAME = "#dadce0"


@dataclass(frozen=True)
class Box:
    """A node of a graph.

    Attributes:
        label: lines of text.
        role: protected boxes have a double frame.
        parameter: name of the parameter, or of the module whose parameters are in the graph. Empty
            for an operation, and for a module that the loss only passes through.
        grade: a key of `GRADES`, which determines the colour; empty without parameters.
    """

    label: tuple[str, ...]
    role: Role
    parameter: str = ""
    grade: str = ""


@dataclass(frozen=True)
class Graph:
    """Boxes and edges in the direction of the forward pass; a box has the same key in each run."""

    boxes: Mapping[str, Box]
    edges: frozenset[tuple[str, str]]

    @property
    def parameters(self) -> set[str]:
        """Names of the parameters (or modules) in the graph."""
        return {box.parameter for box in self.boxes.values() if box.parameter}


@dataclass(frozen=True)
class GraphPanel:
    """One graph under a title; boxes and edges that only `control` has are drawn as ghosts."""

    title: str
    graph: Graph
    control: Graph | None = None


@dataclass(frozen=True)
class Drawing:
    """Panels side by side."""

    panels: tuple[GraphPanel, ...]

    def svg(self, legend: bool = True) -> str:
        """Return one SVG element, without an XML prologue."""
        text = self._render("svg", legend).decode()
        return text[text.index("<svg") :]

    def png(self) -> bytes:
        """Return a PNG image."""
        return self._render("png", legend=True)

    def _render(self, image_format: str, legend: bool) -> bytes:
        # The lesson as text needs no Graphviz.
        require_extra("graphs", "a picture of a graph", "pygraphviz")
        import pygraphviz

        # A new layout per image: pygraphviz crashes when one layout is drawn twice.
        dpi = "150" if image_format == "png" else "72"
        layout = pygraphviz.AGraph(directed=True, newrank="true", nodesep="0.18", ranksep="0.3")
        layout.graph_attr.update(fontname=_FONT, fontsize="12", dpi=dpi)
        layout.node_attr.update(
            fontname=_FONT, fontsize="10", shape="box", height="0.3", margin="0.1,0.05"
        )
        layout.edge_attr.update(arrowsize="0.6", color=_EDGE)
        for index, panel in enumerate(self.panels):
            _add_panel(layout, panel, index)
        if legend:
            layout.graph_attr["label"] = _legend()
        image = layout.draw(format=image_format, prog="dot")
        return image if isinstance(image, bytes) else str(image).encode()


def draw_beside(control: Graph, graph: Graph, title: str) -> Drawing:
    """Draw the control's graph and next to it the stop's, with removed boxes as ghosts."""
    first = GraphPanel(CONTROL_TITLE, control)
    return Drawing((first,) if title == "none" else (first, GraphPanel(title, graph, control)))


def _add_panel(layout: "AGraph", panel: GraphPanel, index: int) -> None:
    control = panel.control or panel.graph
    boxes = {**control.boxes, **panel.graph.boxes}
    for key, box in boxes.items():
        _add_box(layout, f"{index} {key}", box, ghost=key not in panel.graph.boxes)
    for start, end in sorted(control.edges | panel.graph.edges):
        ghost = (start, end) not in panel.graph.edges
        style = {"style": "dashed", "color": _OTHERS["ghost"].line} if ghost else {}
        layout.add_edge(
            f"{index} {start}",
            f"{index} {end}",
            **style,
            **{"class": "ghost" if ghost else "solid"},
        )
    layout.add_subgraph(
        [f"{index} {key}" for key in boxes],
        name=f"cluster_{index}",
        label=panel.title,
        labeljust="l",
        color=_FRAME,
        style="rounded",
        margin="12",
    )


def _add_box(layout: "AGraph", key: str, box: Box, ghost: bool) -> None:
    if ghost:
        shade, css_class = _OTHERS["ghost"], "ghost"
    elif box.grade:
        # CSS classes: "not touched" is the class not-touched.
        shade, css_class = GRADES[box.grade], f"{box.role} {box.grade.replace(' ', '-')}"
    else:
        shade, css_class = _OTHERS[box.role], box.role
    layout.add_node(
        key,
        label=_label(box.label[:1] if ghost else box.label),
        fillcolor=shade.fill,
        color=shade.line,
        fontcolor=shade.text,
        style="filled,rounded,dashed" if ghost else "filled,rounded",
        peripheries="2" if box.role == "protected" and not ghost else "1",
        **{"class": css_class},
    )


def _label(lines: tuple[str, ...]) -> str:
    # Graphviz crashes on empty lines, and reads backslashes as escapes.
    return "\\n".join(line.replace("\\", "\\\\") for line in lines if line)


def _legend() -> str:
    """Return the legend as a table in Graphviz' HTML-like labels."""
    grades = "".join(
        f"<td bgcolor='{shade.fill}' border='1' color='{shade.line}'>"
        f"<font color='{shade.text}'>{grade}</font></td>"
        for grade, shade in GRADES.items()
    )
    lines = "".join(
        f"<tr><td colspan='{len(GRADES)}' align='left'>{line}</td></tr>" for line in LEGEND
    )
    return (
        "<<font point-size='9'><table border='0' cellborder='0' cellspacing='4'>"
        f"<tr>{grades}</tr>{lines}</table></font>>"
    )
