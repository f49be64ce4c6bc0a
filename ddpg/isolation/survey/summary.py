"""Survey as text and JSON."""

import dataclasses
import json
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

from ..render.arrows import flow
from ..render.html import findings_and_notes, page
from ..render.matrix import grade_in_words
from ..results import Cell

if TYPE_CHECKING:
    from .survey import Survey


def summary(survey: "Survey") -> str:
    """Return the table, the warnings, the findings and the proposed contract as text."""
    parts = [_table(survey.cells), _warnings(survey)]
    if survey.findings:
        lines = [f"- {each.update} × {each.module}: {each.message}" for each in survey.findings]
        parts.append("\n".join(["Even the proposed contract is broken:", *lines]))
    parts.append(f"Proposed contract:\n\n{survey.contract_text}")
    return "\n\n".join(parts)


def to_json(survey: "Survey", report: str) -> str:
    """Return the JSON of the report with warnings and the proposed contract."""
    content = json.loads(report)
    content["warnings"] = [dataclasses.asdict(each) for each in survey.warnings]
    content["contract"] = survey.contract_text
    return json.dumps(content, indent=2, allow_nan=False)


def to_html(survey: "Survey", details: Mapping[str, str]) -> str:
    """Return the page of the survey."""
    warnings = "".join(
        f"<div class='finding'><p>{escape(each.message)}</p><code>{escape(each.line)}</code></div>"
        for each in survey.warnings
    )
    body = flow(survey.cells, survey.routes(), judged=False)
    body += f"<h2>Warnings</h2>{warnings or '<p>No warnings.</p>'}" + findings_and_notes(survey)
    body += f"<h2>Proposed contract</h2><pre><code>{escape(survey.contract_text)}</code></pre>"
    return page("Inventory", "Inventory", details, body)


def effect_in_words(cell: Cell) -> str:
    """Return the strongest effect and its cause, such as `moved (critic: gradient)`."""
    words = grade_in_words(cell)
    return f"{words} ({', '.join(cell.movers)})" if cell.movers else words


def _table(cells: list[Cell]) -> str:
    """Return the effects as text, a column per update and a row per module."""
    updates = list(dict.fromkeys(cell.update for cell in cells))
    modules = list(dict.fromkeys(cell.module for cell in cells))
    effects = {(cell.update, cell.module): effect_in_words(cell) for cell in cells}
    rows = [["module", *updates]]
    rows += [[module, *(effects.get((u, module), "") for u in updates)] for module in modules]
    widths = [max(len(row[column]) for row in rows) for column in range(len(updates) + 1)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def _warnings(survey: "Survey") -> str:
    if not survey.warnings:
        return "No warnings."
    lines = [f"Warnings ({len(survey.warnings)}):"]
    for each in survey.warnings:
        lines.append(f"- {each.message}")
        if each.line:
            lines.append(f"    at: {each.line}")
    return "\n".join(lines)
