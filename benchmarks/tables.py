"""Tables, for the terminal and for a document."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import rich.table


class Table(NamedTuple):
    """Text in rows and columns; numbers are aligned to the right, the first column to the left."""

    name: str
    """One word, by which a document finds it."""
    title: str
    columns: list[str]
    rows: list[list[str]]

    def for_terminal(self) -> rich.table.Table:
        """The table as Rich draws it."""
        table = rich.table.Table(title=self.title, title_justify="left")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def for_document(self) -> str:
        """The table as Markdown, with its title above it."""
        rule = ["---", *["---:"] * (len(self.columns) - 1)]
        lines = [f"| {' | '.join(cells)} |" for cells in (self.columns, rule, *self.rows)]
        return "\n".join([f"{self.title}:", "", *lines])


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median and range: `12 (11 … 14)`."""
    if len(values) == 1:
        return f"{values[0]:,.{digits}f}"
    low, high = min(values), max(values)
    return f"{median(values):,.{digits}f} ({low:,.{digits}f} … {high:,.{digits}f})"
