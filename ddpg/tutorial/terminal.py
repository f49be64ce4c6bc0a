"""A lesson for the terminal: text and tables, without its graphs."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.markdown import Markdown
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ddpg.tutorial.blocks import (
    Code,
    Command,
    GraphFigure,
    LessonSection,
    LessonTable,
    NotebookCode,
    Paragraph,
    Tone,
    cell_tone,
)
from ddpg.tutorial.lesson.contents import CHAPTERS, TITLE, chapter_title
from ddpg.tutorial.markdown import plain_text

_STYLES: dict[Tone, str] = {
    "quiet": "dim",
    "value": "cyan",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
}


def opening(chapters: Sequence[int]) -> str:
    """Return the title of the lesson and of its chapters."""
    titles = (f"  {chapter_title(chapter)}" for chapter in chapters)
    rest = "" if len(chapters) == len(CHAPTERS) else f" (of {len(CHAPTERS)})"
    return "\n".join((TITLE, f"Chapters{rest}:", *titles))


def render(section: LessonSection) -> Iterator[RenderableType]:
    """Yield a section's heading and blocks as Rich renderables."""
    title = Text(section.title.replace("`", ""), style="bold")
    yield ""
    yield Rule(title, characters="═" if section.level == 1 else "─")
    for index, block in enumerate(section.blocks):
        if index > 0 and not isinstance(block, GraphFigure | NotebookCode):
            yield ""
        match block:
            case Paragraph():
                yield Markdown(block.text)
            case Code():
                yield Syntax(block.source, "python", background_color="default")
                if block.output:
                    yield Text(block.output, style="dim")
            case Command():
                yield Syntax(block.source, "bash", background_color="default")
            case LessonTable():
                yield _table(block)
            case GraphFigure() | NotebookCode():
                pass


def _table(table: LessonTable) -> Table:
    drawn = Table(title=table.title or None, title_justify="left")
    for column in table.columns:
        drawn.add_column(plain_text(column), overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_cell(cell) for cell in row))
    return drawn


def _cell(text: str) -> Text:
    tone = cell_tone(text)
    return Text(plain_text(text), style=_STYLES[tone] if tone else "")
