"""What a lesson is made of, apart from how it is shown (a terminal, a page)."""

from dataclasses import dataclass

from ddpg.tutorial.drawing import Drawing


@dataclass(frozen=True)
class Words:
    """A paragraph; `code` and **strong** as in Markdown."""

    text: str


@dataclass(frozen=True)
class Code:
    """A few lines of Python."""

    source: str


@dataclass(frozen=True)
class Table:
    """Rows under columns; the cells may hold `code` as in Markdown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A drawn graph.

    Attributes:
        name: the stem of its file.
    """

    name: str
    drawing: Drawing
    caption: str


Block = Words | Code | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        level: 1 for a part of the lesson, 2 for a section of a part.
    """

    title: str
    blocks: tuple[Block, ...]
    level: int = 2
