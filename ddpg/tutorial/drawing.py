"""Drawings of autograd graphs as SVG and PNG, laid out by Graphviz."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pygraphviz

Role = Literal["trained", "protected", "operation", "loss"]

COLOURS: dict[str, tuple[str, str]] = {
    "trained": ("#cfe3fc", "#1a5fb4"),
    "protected": ("#fde3c3", "#b45309"),
    "operation": ("#f1f3f4", "#80868b"),
    "loss": ("#d7efdc", "#2b7a3d"),
    "ghost": ("#ffffff", "#b9bec4"),
}
"""Role -> fill and outline. A page can replace them: each box has its role as its class."""
_FONT = "Helvetica"
_TEXT = "#202124"
_EDGE = "#5f6368"
_FRAME = "#dadce0"
_PAPER = "#ffffff"


@dataclass(frozen=True)
class Box:
    """A node of a graph.

    Attributes:
        label: lines of text.
        role: determines the colour.
        parameter: name of the parameter, or of the module whose parameters are in the graph. Empty
            for an operation, and for a module that the loss only passes through (drawn unfilled).
    """

    label: tuple[str, ...]
    role: Role
    parameter: str = ""


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

    def svg(self) -> str:
        """Return one SVG element, without an XML prologue."""
        text = self._render("svg").decode()
        return text[text.index("<svg") :]

    def png(self) -> bytes:
        """Return a PNG image."""
        return self._render("png")

    def _render(self, image_format: str) -> bytes:
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
        image = layout.draw(format=image_format, prog="dot")
        return image if isinstance(image, bytes) else str(image).encode()


def draw_beside(control: Graph, graph: Graph, title: str) -> Drawing:
    """Draw the control's graph and next to it the stop's, with removed boxes as ghosts."""
    first = GraphPanel("control (none)", control)
    return Drawing((first,) if title == "none" else (first, GraphPanel(title, graph, control)))


def _add_panel(layout: pygraphviz.AGraph, panel: GraphPanel, index: int) -> None:
    control = panel.control or panel.graph
    boxes = {**control.boxes, **panel.graph.boxes}
    for key, box in boxes.items():
        _add_box(layout, f"{index} {key}", box, ghost=key not in panel.graph.boxes)
    for start, end in sorted(control.edges | panel.graph.edges):
        ghost = (start, end) not in panel.graph.edges
        style = {"style": "dashed", "color": COLOURS["ghost"][1]} if ghost else {}
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
        color=_FRAME,
        style="rounded",
        margin="12",
    )


def _add_box(layout: pygraphviz.AGraph, key: str, box: Box, ghost: bool) -> None:
    fill, line = COLOURS["ghost" if ghost else box.role]
    css_class: str = box.role
    if box.role in ("trained", "protected") and not box.parameter:
        fill, css_class = _PAPER, f"{box.role} through"
    layout.add_node(
        key,
        label=_label(box.label[:1] if ghost else box.label),
        fillcolor=fill,
        color=line,
        fontcolor=line if ghost else _TEXT,
        style="filled,rounded,dashed" if ghost else "filled,rounded",
        **{"class": "ghost" if ghost else css_class},
    )


def _label(lines: tuple[str, ...]) -> str:
    # Graphviz crashes on empty lines, and reads backslashes as escapes.
    return "\\n".join(line.replace("\\", "\\\\") for line in lines if line)
