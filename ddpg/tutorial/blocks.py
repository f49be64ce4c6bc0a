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
    """A few lines of Python."""

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


Block = Paragraph | Code | LessonTable | GraphFigure


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
