"""Report as a table for a terminal."""

from rich.table import Table
from rich.text import Text

from ..results import Results
from .matrix import Field, matrix_of

STYLES = {"kept": "green", "leaked": "bold red", "starved": "yellow", "moved_by_other": "magenta"}


def table(results: Results) -> Table:
    """Return a table of verdicts, grades and norms: one row per update, one column per module."""
    matrix = matrix_of(results.cells)
    drawn = Table(title="What each update reached, wrote and moved", show_lines=True)
    drawn.add_column("update", style="bold")
    for module in matrix.modules:
        drawn.add_column(Text(module))
    for update, fields in matrix.rows.items():
        drawn.add_row(Text(update), *map(_text, fields))
    return drawn


def _text(field: Field) -> Text:
    text = Text(field.verdict, style=STYLES[field.kind])
    for line in field.lines:
        text.append(f"\n{line}", style="dim" if field.kind == "kept" else "default")
    return text
