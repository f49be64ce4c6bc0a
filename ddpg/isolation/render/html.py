"""The report as one self-contained page."""

from html import escape

from ddpg.isolation.render.svg import FILLS, to_svg
from ddpg.isolation.render.table import words
from ddpg.isolation.report import Cell, Finding, Report

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { border: 1px solid #dadce0; padding: .4rem .7rem; }
th { text-align: left; } td small { color: #5f6368; display: block; }
.finding { border-left: 4px solid #c5221f; margin: 1rem 0; padding: .2rem 1rem; }
.path { color: #5f6368; } code { overflow-wrap: anywhere; } svg { height: auto; max-width: 100%; }
"""


def to_html(report: Report) -> str:
    """The verdict, the matrix, the findings with their paths, the graphs."""
    verdict = "The contract is kept" if report.kept else "The contract is broken"
    findings = "".join(_finding(each) for each in report.findings)
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>Audit: {verdict.lower()}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{verdict}</h1>{_matrix(report)}"
        + (f"<h2>Findings</h2>{findings}" if findings else "")
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
        + "<h2>Graphs</h2><p>The autograd graph of each backward pass, folded to modules: green "
        "is trained, red the path of a leak.</p>"
        f"{to_svg(report, matrix=False)}</body></html>\n"
    )


def _matrix(report: Report) -> str:
    modules = list(dict.fromkeys(cell.module for cell in report.cells))
    rows: dict[str, dict[str, Cell]] = {}
    for cell in report.cells:
        rows.setdefault(cell.update, {})[cell.module] = cell
    head = "".join(f"<th>{escape(module)}</th>" for module in modules)
    body = "".join(
        f"<tr><th>{escape(update)}</th>{''.join(_cell(cells[m]) for m in modules)}</tr>"
        for update, cells in rows.items()
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _cell(cell: Cell) -> str:
    small = "".join(f"<small>{escape(line)}</small>" for line in words(cell))
    return (
        f"<td style='background:{FILLS[cell.verdict]}' title='{escape(cell.reason, quote=True)}'>"
        f"{cell.verdict.replace('_', ' ')}{small}</td>"
    )


def _finding(finding: Finding) -> str:
    head = f"{finding.update} × {finding.module}: {finding.verdict.replace('_', ' ')}"
    path = ""
    if finding.path is not None:
        path = "".join(
            f"<div class='path'><code>{escape(s)}</code></div>" for s in finding.path.lines()
        )
    return (
        f"<div class='finding'><b>{escape(head)}</b> ({finding.kind}, grade "
        f"{finding.grade.value})<p>{escape(finding.message)}</p>{path}</div>"
    )
