"""A lesson at the terminal: words and tables. Its graphs are left to `--graphs` and `--html`."""

import re
from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.table import Table as RichTable
from rich.text import Text

from ddpg.tutorial.blocks import Block, Code, Figure, Section, Table, Words

_STYLES = {
    "None": "dim",
    "zero": "yellow",
    "value": "cyan",
    "kept": "green",
    "leaked": "bold red",
    "starved": "bold yellow",
    "moved": "magenta",
    "RuntimeError": "red",
    "true": "bold green",
    "false": "bold red",
    "partly": "bold yellow",
}


def show(sections: Sequence[Section], console: Console) -> None:
    """Print the sections in order."""
    for section in sections:
        console.print()
        title = section.title.replace("`", "")
        console.rule(Text(title, style="bold"), characters="═" if section.level == 1 else "─")
        for block in section.blocks:
            _show(block, console)


def rich_table(table: Table) -> RichTable:
    """The table with its cells in colours."""
    drawn = RichTable(title=table.title or None, title_justify="left")
    for column in table.columns:
        drawn.add_column(_bare(column), overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_cell(cell) for cell in row))
    return drawn


def _show(block: Block, console: Console) -> None:
    match block:
        case Words():
            console.print(Markdown(block.text))
        case Code():
            console.print(Syntax(block.source, "python", background_color="default"))
        case Table():
            console.print(rich_table(block))
        case Figure():
            pass


def _cell(text: str) -> Text:
    first = text.replace(":", " ").replace(",", " ").split(" ")[0]
    return Text(_bare(text), style=_STYLES.get(first, ""))


def _bare(text: str) -> str:
    # A power in a cell's code is no strong text.
    return re.sub(r"\*\*(\S.*?\S)\*\*", r"\1", text).replace("`", "")
