"""Report as an SVG picture: the matrix and the graphs, laid out by Graphviz."""

from collections.abc import Sequence
from html import escape
from typing import Any

import pygraphviz

from ..results import Results
from .colours import FILLS, GREY, OTHER, RED, RULE, TRAINED
from .folding import ELSEWHERE, LOSS, FoldedGraph
from .matrix import matrix_of

_FONT: dict[str, Any] = {"fontname": "Helvetica", "fontsize": "11"}


def to_svg(results: Results, graphs: Sequence[FoldedGraph], matrix: bool = True) -> str:
    """Return an SVG element, without XML declaration and doctype."""
    drawn = pygraphviz.AGraph(directed=True, rankdir="LR", compound="true", newrank="true", **_FONT)
    drawn.node_attr.update(**_FONT)
    drawn.edge_attr.update(color=GREY, arrowsize="0.7")
    for index, folded in enumerate(graphs):
        _draw(drawn, folded, results, index)
    if matrix:
        drawn.add_node("matrix", shape="plain", label=_matrix(results))
    svg = drawn.draw(format="svg", prog="dot")
    text = svg.decode() if isinstance(svg, bytes) else str(svg)
    return text[text.index("<svg") :]


def _draw(drawn: pygraphviz.AGraph, folded: FoldedGraph, results: Results, index: int) -> None:
    row = folded.row
    leaked = {f.module for f in results.findings if f.row == row and f.verdict == "leaked"}
    red = {edge for module in leaked for edge in folded.paths.get(module, ())}
    names: dict[str, str] = {}

    def add(group: str, **style: str) -> None:
        names[group] = f"{index} {group}"
        drawn.add_node(names[group], **style)

    add(LOSS, label=LOSS, shape="circle")
    for group, operations in folded.operations.items():
        add(group, label=_label(_abbreviate(operations)), shape="box", style="dashed", color=GREY)
    for module in folded.modules:
        fill = OTHER if module == ELSEWHERE else "#ffffff"
        fill = TRAINED if module in folded.trained else fill
        edge = RED if module in leaked else GREY
        width = "2.5" if module in leaked else "1"
        add(
            module, label=_label(module), shape="box", style="filled,rounded",
            fillcolor=fill, color=edge, penwidth=width,
        )  # fmt: skip
    for one, two in sorted(folded.edges):
        style = {"color": RED, "penwidth": "2.5"} if (one, two) in red else {}
        drawn.add_edge(names[one], names[two], **style)
    drawn.add_subgraph(
        list(names.values()), name=f"cluster_{index}", label=_label(str(row)), color=RULE
    )


def _matrix(results: Results) -> str:
    """Return the matrix as a table in Graphviz' HTML-like labels."""
    matrix = matrix_of(results.cells)
    head = "".join(f"<td><b>{_html(module)}</b></td>" for module in matrix.modules)
    body = ""
    for update, fields in matrix.rows.items():
        body += f"<tr><td align='left'><b>{_html(update)}</b></td>"
        for field in fields:
            text = "<br/>".join(map(_html, (field.verdict, *field.lines)))
            body += f"<td bgcolor='{FILLS[field.kind]}'>{text}</td>"
        body += "</tr>"
    return (
        f"<<table border='0' cellborder='1' cellspacing='0' cellpadding='5' color='{RULE}'>"
        f"<tr><td></td>{head}</tr>{body}</table>>"
    )


def _abbreviate(operations: list[str], limit: int = 4) -> str:
    distinct = list(dict.fromkeys(operations))
    more = f" +{len(distinct) - limit}" if len(distinct) > limit else ""
    return ", ".join(distinct[:limit]) + more


def _label(text: str) -> str:
    """Escape a label: Graphviz interprets backslashes and reads `<...>` as HTML."""
    text = text.replace("\\", "\\\\")
    return f" {text}" if text.startswith("<") else text


def _html(text: str) -> str:
    return escape(text).replace("\\", "\\\\") or " "
