"""Pictures of graphs: the control's beside a stop's, laid out by Graphviz as SVG and PNG."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pygraphviz

Role = Literal["trained", "protected", "operation", "loss"]

# The fill and the line of each role; a page may put its own in their place, by the classes.
COLOURS: dict[str, tuple[str, str]] = {
    "trained": ("#cfe3fc", "#1a5fb4"),
    "protected": ("#fde3c3", "#b45309"),
    "operation": ("#f1f3f4", "#80868b"),
    "loss": ("#d7efdc", "#2b7a3d"),
    "ghost": ("#ffffff", "#b9bec4"),
}
_FONT = "Helvetica"
_LINE = "#5f6368"
_PAPER = "#ffffff"


@dataclass(frozen=True)
class Node:
    """A box.

    Attributes:
        label: its lines.
        role: what it is, which says its colour.
        parameter: the name of the parameter that it stands for, or of the module whose
            parameters the graph holds; empty where it stands for none, as a module that a loss
            only goes through does (it is drawn unfilled).
    """

    label: tuple[str, ...]
    role: Role
    parameter: str = ""


@dataclass(frozen=True)
class Graph:
    """Nodes by a key that names the place in the graph, and edges in the forward direction."""

    nodes: Mapping[str, Node]
    edges: frozenset[tuple[str, str]]

    @property
    def parameters(self) -> set[str]:
        """The parameters (or modules) that the graph holds."""
        return {node.parameter for node in self.nodes.values() if node.parameter}


@dataclass(frozen=True)
class Panel:
    """One graph under its title; what `whole` has besides is drawn as a ghost."""

    title: str
    graph: Graph
    whole: Graph


@dataclass(frozen=True)
class Drawing:
    """Panels side by side."""

    panels: tuple[Panel, ...]

    def svg(self) -> str:
        """One SVG element, without what stands before it in a document."""
        text = self._drawn("svg").decode()
        return text[text.index("<svg") :]

    def png(self) -> bytes:
        """The same as a PNG."""
        return self._drawn("png")

    def _drawn(self, form: str) -> bytes:
        # A graph is laid out once: pygraphviz crashes where one is drawn a second time.
        drawn = pygraphviz.AGraph(directed=True, newrank="true", nodesep="0.18", ranksep="0.3")
        drawn.graph_attr.update(fontname=_FONT, fontsize="12", dpi="150" if form == "png" else "72")
        drawn.node_attr.update(
            fontname=_FONT, fontsize="10", shape="box", height="0.3", margin="0.1,0.05"
        )
        drawn.edge_attr.update(arrowsize="0.6", color=_LINE)
        for index, panel in enumerate(self.panels):
            _draw(drawn, panel, index)
        image = drawn.draw(format=form, prog="dot")
        return image if isinstance(image, bytes) else str(image).encode()


def beside(control: Graph, graph: Graph, title: str) -> Drawing:
    """The control's graph, and beside it the stop's with what the stop removed as ghosts."""
    first = Panel("control (none)", control, control)
    return Drawing((first,) if title == "none" else (first, Panel(title, graph, control)))


def _label(lines: tuple[str, ...]) -> str:
    """Without empty lines, which crash Graphviz, and without its escapes."""
    return "\\n".join(line.replace("\\", "\\\\") for line in lines if line)


def _draw(drawn: pygraphviz.AGraph, panel: Panel, index: int) -> None:
    nodes = {**panel.whole.nodes, **panel.graph.nodes}
    for key, node in nodes.items():
        ghost = key not in panel.graph.nodes
        fill, line = COLOURS["ghost" if ghost else node.role]
        kind = node.role
        if node.role in ("trained", "protected") and not node.parameter:
            fill, kind = _PAPER, f"{node.role} through"
        drawn.add_node(
            f"{index} {key}",
            label=_label(node.label[:1] if ghost else node.label),
            fillcolor=fill,
            color=line,
            fontcolor=line if ghost else "#202124",
            style="filled,rounded,dashed" if ghost else "filled,rounded",
            **{"class": "ghost" if ghost else kind},
        )
    for one, two in sorted(panel.whole.edges | panel.graph.edges):
        ghost = (one, two) not in panel.graph.edges
        style = {"style": "dashed", "color": COLOURS["ghost"][1]} if ghost else {}
        drawn.add_edge(
            f"{index} {one}",
            f"{index} {two}",
            **style,
            **{"class": "ghost" if ghost else "solid"},
        )
    drawn.add_subgraph(
        [f"{index} {key}" for key in nodes],
        name=f"cluster_{index}",
        label=panel.title,
        color="#dadce0",
        style="rounded",
        margin="12",
    )
