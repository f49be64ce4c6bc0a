"""A lesson as one self-contained HTML page: no script, no font, no other file."""

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from markdown_it import MarkdownIt

from ddpg.tutorial.blocks import (
    Block,
    Code,
    GraphFigure,
    LessonSection,
    LessonTable,
    Paragraph,
    cell_tone,
)
from ddpg.tutorial.drawing import Drawing, GraphPanel

# HTML in a message is shown as text.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_TITLE = "Where does the gradient go?"


def page(sections: Sequence[LessonSection]) -> str:
    """Return the HTML document."""
    style = files("ddpg.tutorial").joinpath("page.css").read_text(encoding="utf-8")
    contents = "".join(
        f"<li class='level{section.level}'><a href='#{_anchor(section, index)}'>"
        f"{_inline(section.title)}</a></li>"
        for index, section in enumerate(sections)
    )
    body = "".join(_section(section, index) for index, section in enumerate(sections))
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{_TITLE}</title><style>{style}</style></head><body><main>"
        f"<h1>{_TITLE}</h1><details><summary>Contents</summary><ul>{contents}</ul></details>"
        f"{body}</main></body></html>\n"
    )


def _section(section: LessonSection, index: int) -> str:
    heading = f"h{section.level + 1}"
    title = f"<{heading}>{_inline(section.title)}</{heading}>"
    blocks = "".join(_block(block) for block in section.blocks)
    return f"<section id='{_anchor(section, index)}'>{title}{blocks}</section>"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return _MARKDOWN.render(block.text)
        case Code():
            return f"<pre><code>{escape(block.source)}</code></pre>"
        case LessonTable():
            return _table(block)
        case GraphFigure():
            return _figure(block)


def _table(table: LessonTable) -> str:
    head = "".join(f"<th>{_inline(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
    caption = f"<caption>{_inline(table.title)}</caption>" if table.title else ""
    return (
        f"<div class='scroll'><table>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    tone = cell_tone(text)
    css_class = f" class='{tone}'" if tone else ""
    return f"<td{css_class}>{_inline(text)}</td>"


def _figure(figure: GraphFigure) -> str:
    panels = "".join(
        _panel(f"{figure.name}-{index}", panel) for index, panel in enumerate(figure.drawing.panels)
    )
    return (
        f"<figure><div class='panels'>{panels}</div>"
        f"<figcaption>{_inline(figure.caption)}</figcaption></figure>"
    )


def _panel(name: str, panel: GraphPanel) -> str:
    # One SVG per panel, so that panels wrap on a narrow screen. Graphviz uses the same ids in
    # each SVG; the figure's name makes them unique in the page.
    svg = re.sub(r"\bid=\"([^\"]+)\"", rf'id="{name}-\1"', Drawing((panel,)).svg())
    width = re.search(r'width="(\d+pt)"', svg)
    assert width is not None, "Graphviz writes the width of its drawing"
    attributes = f"role='img' aria-label='{escape(panel.title)}' style='max-width: {width[1]}'"
    return svg.replace("<svg", f"<svg {attributes}", 1)


def _inline(text: str) -> str:
    return _MARKDOWN.renderInline(text)


def _anchor(section: LessonSection, index: int) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", section.title.partition(":")[0].lower()).strip("-")
    return f"{index}-{words}"
