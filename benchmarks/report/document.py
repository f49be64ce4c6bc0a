"""Places for measured tables in a Markdown file, so that no measured figure is typed by hand."""

import re
from pathlib import Path

from benchmarks.report.tables import MeasuredTable
from benchmarks.timing.machine import machine_sentence
from ddpg.runs.files import write_file

_PLACE = re.compile(r"^(<!-- measured (\S+) -->\n).*?^(<!-- end -->)", re.DOTALL | re.MULTILINE)
_PLACE_START = re.compile(r"^<!-- measured ", re.MULTILINE)


def has_places(document: Path) -> bool:
    """Return True if the file has at least one place for a table and each place has its end.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        text = document.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return 0 < len(_PLACE.findall(text)) == len(_PLACE_START.findall(text))


def fill_document(document: Path, machine: dict[str, object], tables: list[MeasuredTable]) -> None:
    """Write each table between its `<!-- measured NAME -->` and `<!-- end -->`.

    Tables without a place are left out. Places without a new table keep the old one.

    Args:
        document: the Markdown file.
        machine: result of `describe_machine`, and the `command` that measured the tables.
        tables: new tables.

    Raises:
        OSError: the file cannot be written; its content is unchanged.
    """
    by_name = {table.name: table for table in tables}

    def filled(place: re.Match[str]) -> str:
        opening, name, end = place.groups()
        if name not in by_name:
            return place[0]
        table = by_name[name].for_document()
        return f"{opening}\n{table}\n\n*{machine_sentence(machine)}*\n\n{end}"

    write_file(document, _PLACE.sub(filled, document.read_text(encoding="utf-8")))
