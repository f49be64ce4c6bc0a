"""Report as one self-contained HTML page."""

from collections.abc import Sequence
from html import escape

from ..results import Finding, Results
from .folding import FoldedGraph
from .matrix import Field, in_words, matrix_of
from .svg import FILLS, to_svg

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { border: 1px solid #dadce0; padding: .4rem .7rem; }
th { text-align: left; } td small { color: #5f6368; display: block; }
.finding { border-left: 4px solid #c5221f; margin: 1rem 0; padding: .2rem 1rem; }
.path { color: #5f6368; } code { overflow-wrap: anywhere; } svg { height: auto; max-width: 100%; }
"""


def to_html(results: Results, graphs: Sequence[FoldedGraph]) -> str:
    """Return a page with the verdict, the matrix, the findings with their paths and the graphs."""
    verdict = "The contract is kept" if results.kept else "The contract is broken"
    findings = "".join(_finding(each) for each in results.findings)
    notes = "".join(f"<li>{escape(note)}</li>" for note in results.notes)
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>Audit: {verdict.lower()}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{verdict}</h1>{_matrix(results)}"
        + (f"<h2>Findings</h2>{findings}" if findings else "")
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
        + "<h2>Graphs</h2><p>The autograd graph of each backward pass, folded to modules. Green: "
        "trained. Red: path of a leak.</p>"
        f"{to_svg(results, graphs, matrix=False)}</body></html>\n"
    )


def _matrix(results: Results) -> str:
    matrix = matrix_of(results.cells)
    head = "".join(f"<th>{escape(module)}</th>" for module in matrix.modules)
    body = "".join(
        f"<tr><th>{escape(update)}</th>{''.join(map(_cell, fields))}</tr>"
        for update, fields in matrix.rows.items()
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _cell(field: Field) -> str:
    small = "".join(f"<small>{escape(line)}</small>" for line in field.lines)
    return (
        f"<td style='background:{FILLS[field.kind]}' title='{escape(field.reason, quote=True)}'>"
        f"{field.verdict}{small}</td>"
    )


def _finding(finding: Finding) -> str:
    head = f"{finding.update} × {finding.module}: {in_words(finding.verdict)}"
    path = ""
    if finding.path is not None:
        path = "".join(
            f"<div class='path'><code>{escape(line)}</code></div>" for line in finding.path.lines()
        )
    return (
        f"<div class='finding'><b>{escape(head)}</b> ({finding.kind}, grade "
        f"{finding.grade.value})<p>{escape(finding.message)}</p>{path}</div>"
    )
