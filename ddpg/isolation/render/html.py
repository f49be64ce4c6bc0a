"""Report as one self-contained HTML page."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from ..results import Finding, Results
from .arrows import STYLE as ARROWS
from .arrows import Routes, flow
from .colours import DARK
from .folding import FoldedGraph
from .matrix import in_words

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1f2328; --quiet: #57606a; --rule: #d0d7df; --finding: #c5221f;
  --kept: #e6f4ea; --leaked: #f8c9c4; --starved: #fdecc0; --moved_by_other: #e9d5f5;
}
* { box-sizing: border-box; }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
  margin: 0 auto; max-width: 70rem; overflow-wrap: break-word; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; }
dl { display: grid; gap: .2rem .8rem; grid-template-columns: auto 1fr; }
dt { color: var(--quiet); } dd { margin: 0; min-width: 0; }
.quiet { color: var(--quiet); } pre { overflow-x: auto; }
.kept { background: var(--kept); } .leaked { background: var(--leaked); }
.starved { background: var(--starved); } .moved_by_other { background: var(--moved_by_other); }
.finding { border-left: 4px solid var(--finding); margin: 1rem 0; padding: .2rem 1rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
.graphs { overflow-x: auto; } .graphs svg { display: block; height: auto; max-width: 100%; }
.graphs .graph > polygon { fill: none; }
@media (max-width: 40rem) {
  dl { display: block; } dd { margin-bottom: .4rem; }
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e6e9ed; --quiet: #b3bac4; --rule: #3b424c; --finding: #ff8a80;
    --kept: #143020; --leaked: #5c1f1b; --starved: #4a3a0a; --moved_by_other: #432a58;
  }
  .graphs text { fill: var(--ink); } .graphs ellipse { stroke: var(--ink); }
"""


def to_html(
    results: Results,
    graphs: Sequence[FoldedGraph],
    details: Mapping[str, str] | None = None,
    routes: Routes | None = None,
) -> str:
    """Return a page with the verdict, the arrows, the findings with their paths and the graphs.

    Args:
        results: of an audit.
        graphs, routes: of the same audit.
        details: name → text of each line below the title; the page adds the date.
    """
    verdict = "The contract is kept" if results.kept else "The contract is broken"
    body = flow(results.cells, routes or {}, judged=True) + findings_and_notes(results)
    if graphs:
        body += _graphs(results, graphs)
    return page(f"Audit: {verdict.lower()}", verdict, details or {}, body)


def page(title: str, heading: str, details: Mapping[str, str], body: str) -> str:
    """Return a whole page."""
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body>"
        f"<h1>{escape(heading)}</h1>{_details(details)}{body}</body></html>\n"
    )


def findings_and_notes(results: Results) -> str:
    findings = "".join(_finding(each) for each in results.findings)
    notes = "".join(f"<li>{escape(note)}</li>" for note in results.notes)
    return (f"<h2>Findings</h2>{findings}" if findings else "") + (
        f"<h2>Notes</h2><ul>{notes}</ul>" if notes else ""
    )


def _style() -> str:
    """Return the style with the dark colour of each colour of the graphs."""
    rules = "".join(
        f"  .graphs [{attribute}='{light}'] {{ {attribute}: {dark}; }}\n"
        for light, dark in DARK.items()
        for attribute in ("fill", "stroke")
    )
    return f"{_STYLE}{rules}}}\n{ARROWS}"


def _details(details: Mapping[str, str]) -> str:
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = {**details, "Date": date}
    return (
        "<dl>"
        + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in lines.items())
        + "</dl>"
    )


def _finding(finding: Finding) -> str:
    head = f"{finding.update} × {finding.module}: {in_words(finding.verdict)}"
    path = ""
    lines = finding.path.lines() if finding.path else ()
    if finding.no_path:
        lines = (f"path: missing: {finding.no_path}",)
    for line in lines:
        name, _, text = line.partition(": ")
        path += f"<dt>{name}</dt><dd><code>{escape(text)}</code></dd>"
    return (
        f"<div class='finding'><b>{escape(head)}</b> ({finding.kind}, grade "
        f"{finding.grade.value})<p>{escape(finding.message)}</p>"
        + (f"<dl>{path}</dl>" if path else "")
        + "</div>"
    )


def _graphs(results: Results, graphs: Sequence[FoldedGraph]) -> str:
    """Return the graphs; on a narrow screen they shrink as far as their text can be read."""
    from .svg import to_svg  # needs pygraphviz

    svg = to_svg(results, graphs, matrix=False)
    svg = re.sub(
        r'<svg width="(\d+)pt" height="\d+pt"',
        lambda size: f'<svg style="min-width: {0.65 * int(size[1]):.0f}pt; width: {size[1]}pt"',
        svg,
    )
    return (
        "<h2>Graphs</h2><p>The autograd graph of each backward pass, folded to modules. Arrows "
        "have the direction of the forward pass; the gradient flows against them. Green: trained. "
        "Thick and red: path of a leak. Dashed: operations outside of all modules.</p>"
        f"<div class='graphs'>{svg}</div>"
    )
