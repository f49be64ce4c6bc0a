"""Blocks of a lesson, independent of the output (terminal or page)."""

import re
from dataclasses import dataclass
from typing import Literal

from ddpg.tutorial.drawing import Drawing

Tone = Literal["quiet", "value", "good", "warn", "bad"]

_TONES: dict[str, Tone] = {
    "None": "quiet",
    "zero": "warn",
    "value": "value",
    "kept": "good",
    "leaked": "bad",
    "starved": "warn",
    "RuntimeError": "bad",
    "true": "good",
    "false": "bad",
    "partly": "warn",
}


@dataclass(frozen=True)
class Paragraph:
    """Text with `code` and **strong** as in Markdown."""

    text: str


@dataclass(frozen=True)
class Code:
    """Python that runs as shown, after the code above it in the chapter.

    Attributes:
        output: text that the code printed.
    """

    source: str
    output: str = ""


@dataclass(frozen=True)
class NotebookCode:
    """Python that only the notebook has: it draws the tables and figures of its section."""

    source: str


@dataclass(frozen=True)
class Command:
    """A line for the shell."""

    source: str


@dataclass(frozen=True)
class LessonTable:
    """Rows under columns; a cell may contain `code` as in Markdown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class GraphFigure:
    """A drawn graph with its caption.

    Attributes:
        name: file name without the suffix.
    """

    name: str
    drawing: Drawing
    caption: str


Block = Paragraph | Code | NotebookCode | Command | LessonTable | GraphFigure


@dataclass(frozen=True)
class LessonSection:
    """A heading and the blocks under it.

    Attributes:
        level: 1 for a chapter, 2 for a section of a chapter.
    """

    title: str
    blocks: tuple[Block, ...]
    level: int = 2


def cell_tone(cell: str) -> Tone | None:
    """Return the tone in which to show a table cell, by its first word."""
    return _TONES.get(re.split(r"[ :,]", cell, maxsplit=1)[0])
