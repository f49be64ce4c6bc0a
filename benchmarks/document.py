"""Puts measured tables into a Markdown file, so that no figure is typed."""

import re
from pathlib import Path

from benchmarks import machine
from benchmarks.tables import Table
from ddpg.runs.files import atomic_write

_PLACE = re.compile(r"(<!-- measured (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def has_places(document: Path) -> bool:
    """Whether a file has places for tables, each with its end.

    Raises:
        OSError: it cannot be read.
    """
    try:
        text = document.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return 0 < len(_PLACE.findall(text)) == text.count("<!-- measured ")


def fill(document: Path, where: dict[str, object], tables: list[Table]) -> None:
    """Write each table between `<!-- measured NAME -->` and `<!-- end -->`, where there is such.

    What the document has no place for is left out, and places without a new table keep the old one.

    Args:
        document: the Markdown file.
        where: what `machine.describe` said.
        tables: what was measured.

    Raises:
        OSError: it cannot be written, and is as it was.
    """
    measured = {table.name: table for table in tables}

    def filled(place: re.Match[str]) -> str:
        opening, name, end = place.groups()
        if name not in measured:
            return place[0]
        table = measured[name].for_document()
        return f"{opening}\n{table}\n\n*{machine.sentence(where)}*\n\n{end}"

    text = _PLACE.sub(filled, document.read_text(encoding="utf-8"))
    with atomic_write(document) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
