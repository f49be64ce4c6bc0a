"""The lesson as an executed Jupyter notebook. Needs nbformat, nbclient and ipykernel."""

import re
from collections.abc import Iterator, Sequence

import nbformat
from nbclient import NotebookClient
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ddpg.tutorial.blocks import Code, LessonSection, NotebookCode, Paragraph
from ddpg.tutorial.lesson.contents import TITLE, lesson_sections

CHAPTERS = (1, 2, 3, 4, 5)
"""Chapters of the lesson that the notebook has."""
_OPENING = (
    f"# {TITLE}\n\n"
    "A lesson on stopping gradients in PyTorch: two layers, of which only the second is to be "
    "trained, then the two crossings of DDPG, then the audit of your own code. Each cell runs as "
    "shown, and the table and graph below it come from what the cell did: change a line and run "
    "the cell again.\n\n"
    "This file is made and run by `python scripts/tutorial.py --notebook`. To run it yourself: "
    '`pip install -e ".[notebook,graphs]"` in the repository, then open it in Jupyter.'
)
_TIMEOUT = 300
"""Seconds that one cell may take."""
# Jupyter compiles a cell under a name that differs in each session.
_CELL_FILE = re.compile(r"\S*ipykernel_\d+/\d+\.py")
# Graphviz' font library complains about the machine's own configuration.
_FONT_WARNING = re.compile(r"^Fontconfig .*\n+", re.MULTILINE)

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook() -> NotebookNode:
    """Return the notebook without outputs."""
    cells = [new_markdown_cell(_OPENING)]
    for section in lesson_sections(CHAPTERS):
        cells += _section(section)
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return new_notebook(cells=cells, metadata=_METADATA)


def execute(document: NotebookNode) -> NotebookNode:
    """Run every cell in a fresh kernel, store the outputs in `document`, and return it.

    Raises:
        CellExecutionError: a cell raises an exception.
    """
    quiet = ["--log-level=ERROR"]
    NotebookClient(document, timeout=_TIMEOUT, record_timing=False, extra_arguments=quiet).execute()
    for cell in document.cells:
        if cell.cell_type == "code":
            cell["outputs"] = list(_portable(cell.outputs))
    document["metadata"] = _METADATA
    return document


def executed_text() -> str:
    """Return the executed notebook as the text of an `.ipynb` file."""
    return nbformat.writes(execute(notebook())) + "\n"


def _portable(outputs: Sequence[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield the outputs without what differs between machines and sessions."""
    for output in outputs:
        if output.output_type == "stream":
            output["text"] = _FONT_WARNING.sub("", _CELL_FILE.sub("cell", output.text))
            if not output.text:
                continue
        yield output


def _section(section: LessonSection) -> Iterator[NotebookNode]:
    """Yield Markdown cells for the text, and code cells; their outputs replace the tables."""
    text = [f"{'#' * (section.level + 1)} {section.title}"]
    code: list[str] = []
    for block in section.blocks:
        match block:
            case Paragraph():
                if code:
                    yield from _cells(text, code)
                    text, code = [], []
                text.append(block.text)
            case Code() | NotebookCode():
                code.append(block.source)
            case _:
                pass
    yield from _cells(text, code)


def _cells(text: Sequence[str], code: Sequence[str]) -> Iterator[NotebookNode]:
    if text:
        yield new_markdown_cell("\n\n".join(text))
    if code:
        yield new_code_cell("\n\n".join(code))
