"""A lesson as one self-contained HTML page: no script, no font, no other file."""

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from ddpg.tutorial.blocks import (
    Block,
    Code,
    Command,
    GraphFigure,
    LessonSection,
    LessonTable,
    NotebookCode,
    Paragraph,
    cell_tone,
)
from ddpg.tutorial.drawing import GRADES, LEGEND, Drawing, GraphPanel
from ddpg.tutorial.lesson.contents import TITLE
from ddpg.tutorial.markdown import block_html, inline_html

_LEGEND = "".join(
    f"<span class='{grade.replace(' ', '-')}'>{grade}</span> " for grade in GRADES
) + escape(" ".join(LEGEND))


def page(sections: Sequence[LessonSection]) -> str:
    """Return the HTML document."""
    style = files("ddpg.tutorial").joinpath("page.css").read_text(encoding="utf-8")
    contents = "".join(
        f"<li class='level{section.level}'><a href='#{_anchor(section, index)}'>"
        f"{inline_html(section.title)}</a></li>"
        for index, section in enumerate(sections)
    )
    body = "".join(_section(section, index) for index, section in enumerate(sections))
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{TITLE}</title><style>{style}</style></head><body><main>"
        f"<h1>{TITLE}</h1><details><summary>Contents</summary><ul>{contents}</ul></details>"
        f"{body}</main></body></html>\n"
    )


def _section(section: LessonSection, index: int) -> str:
    heading = f"h{section.level + 1}"
    title = f"<{heading}>{inline_html(section.title)}</{heading}>"
    blocks = "".join(_block(block) for block in section.blocks)
    return f"<section id='{_anchor(section, index)}'>{title}{blocks}</section>"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return block_html(block.text)
        case Code():
            output = f"<pre class='output'>{escape(block.output)}</pre>" if block.output else ""
            return f"<pre><code>{escape(block.source)}</code></pre>{output}"
        case Command():
            return f"<pre><code>{escape(block.source)}</code></pre>"
        case NotebookCode():
            return ""
        case LessonTable():
            return _table(block)
        case GraphFigure():
            return _figure(block)


def _table(table: LessonTable) -> str:
    head = "".join(f"<th>{inline_html(column)}</th>" for column in table.columns)
    rows = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in table.rows)
    caption = f"<caption>{inline_html(table.title)}</caption>" if table.title else ""
    return (
        f"<div class='scroll'><table>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    tone = cell_tone(text)
    css_class = f" class='{tone}'" if tone else ""
    return f"<td{css_class}>{inline_html(text)}</td>"


def _figure(figure: GraphFigure) -> str:
    panels = "".join(
        _panel(f"{figure.name}-{index}", panel) for index, panel in enumerate(figure.drawing.panels)
    )
    return (
        f"<figure><div class='panels'>{panels}</div>"
        f"<figcaption>{inline_html(figure.caption)} <small class='legend'>{_LEGEND}</small>"
        "</figcaption></figure>"
    )


def _panel(name: str, panel: GraphPanel) -> str:
    # One SVG per panel, so that panels wrap on a narrow screen. Graphviz uses the same ids in
    # each SVG; the figure's name makes them unique in the page.
    svg = re.sub(r"\bid=\"([^\"]+)\"", rf'id="{name}-\1"', Drawing((panel,)).svg(legend=False))
    width = re.search(r'width="(\d+pt)"', svg)
    assert width is not None, "Graphviz writes the width of its drawing"
    attributes = f"role='img' aria-label='{escape(panel.title)}' style='max-width: {width[1]}'"
    return svg.replace("<svg", f"<svg {attributes}", 1)


def _anchor(section: LessonSection, index: int) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", section.title.partition(":")[0].lower()).strip("-")
    return f"{index}-{words}"
