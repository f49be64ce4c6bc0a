"""A lesson for the terminal: text and tables, without its graphs."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ddpg.tutorial.blocks import (
    Code,
    GraphFigure,
    LessonSection,
    LessonTable,
    Paragraph,
    Tone,
    cell_tone,
)

_STYLES: dict[Tone, str] = {
    "quiet": "dim",
    "value": "cyan",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
}


def render(sections: Sequence[LessonSection]) -> Group:
    """Return the sections as one Rich renderable."""
    return Group(*(part for section in sections for part in _section(section)))


def _section(section: LessonSection) -> Iterator[RenderableType]:
    title = Text(section.title.replace("`", ""), style="bold")
    yield ""
    yield Rule(title, characters="═" if section.level == 1 else "─")
    for block in section.blocks:
        match block:
            case Paragraph():
                yield Markdown(block.text)
            case Code():
                yield Syntax(block.source, "python", background_color="default")
            case LessonTable():
                yield _table(block)
            case GraphFigure():
                pass


def _table(table: LessonTable) -> Table:
    drawn = Table(title=table.title or None, title_justify="left")
    for column in table.columns:
        drawn.add_column(_plain(column), overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_cell(cell) for cell in row))
    return drawn


def _cell(text: str) -> Text:
    tone = cell_tone(text)
    return Text(_plain(text), style=_STYLES[tone] if tone else "")


def _plain(text: str) -> str:
    # The pattern leaves a power operator in a cell's code alone.
    return re.sub(r"\*\*(\S.*?\S)\*\*", r"\1", text).replace("`", "")
