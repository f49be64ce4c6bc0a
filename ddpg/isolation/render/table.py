"""The report as a table for a terminal."""

from rich.table import Table
from rich.text import Text

from ddpg.isolation.report import Cell, Report

STYLES = {"kept": "green", "leaked": "bold red", "starved": "yellow", "moved_by_other": "magenta"}


def table(report: Report) -> Table:
    """Updates down, modules across; in each cell the verdict, the grade and the norms."""
    modules = list(dict.fromkeys(cell.module for cell in report.cells))
    rows: dict[str, dict[str, Cell]] = {}
    for cell in report.cells:
        rows.setdefault(cell.update, {})[cell.module] = cell
    drawn = Table(title="What each update reached, wrote and moved", show_lines=True)
    drawn.add_column("update", style="bold")
    for module in modules:
        drawn.add_column(Text(module))
    for update, cells in rows.items():
        drawn.add_row(
            Text(update),
            *(_cell(cells[module]) if module in cells else Text("") for module in modules),
        )
    return drawn


def words(cell: Cell) -> list[str]:
    """What a cell says in a few words: the grade, and the norms that there are."""
    said = [("not touched", "zero gradient", "gradient", "moved")[cell.grade]]
    if cell.reached and cell.grade == 0:
        said = ["reached"]
    if cell.gradient_norm is not None:
        said.append(f"|gradient| {cell.gradient_norm:.3g}")
    if cell.movement:
        said.append(f"|movement| {cell.movement:.3g}")
    return said


def _cell(cell: Cell) -> Text:
    text = Text(cell.verdict.replace("_", " "), style=STYLES[cell.verdict])
    for line in words(cell):
        text.append(f"\n{line}", style="dim" if cell.verdict == "kept" else "default")
    return text
