"""Tables of figures, for the terminal and for a Markdown document."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import rich.table


class MeasuredTable(NamedTuple):
    """Table of text. The first column is aligned to the left, the others to the right."""

    name: str
    """Name of its place in a document, without spaces."""
    title: str
    columns: list[str]
    rows: list[list[str]]

    def for_terminal(self) -> rich.table.Table:
        """Return the table as Rich draws it."""
        table = rich.table.Table(title=self.title, title_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def for_document(self) -> str:
        """Return the table in Markdown, below its title."""
        rule = ["---", *["---:"] * (len(self.columns) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *self.rows)]
        return "\n".join([f"{self.title}:", "", *lines])


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Return median and range: `12 (11 … 14)`."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f} … {high:,.{digits}f})"
