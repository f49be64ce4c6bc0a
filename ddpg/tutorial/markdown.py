"""Markdown of the lesson as HTML and as plain text."""

import re

from markdown_it import MarkdownIt

# HTML in a message is shown as text.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


def block_html(text: str) -> str:
    """Return a paragraph of Markdown as HTML."""
    return _MARKDOWN.render(text)


def inline_html(text: str) -> str:
    """Return a line of Markdown as HTML."""
    return _MARKDOWN.renderInline(text)


def plain_text(text: str) -> str:
    """Return a line of Markdown without its marks."""
    # The pattern leaves a power operator in a cell's code alone.
    return re.sub(r"\*\*(\S.*?\S)\*\*", r"\1", text).replace("`", "")
