"""Puts measured tables into a Markdown file, so that no figure is typed."""

from pathlib import Path

from ddpg.benchmark import machine
from ddpg.benchmark.tables import Table


def fill(document: Path, where: dict[str, object], tables: list[Table]) -> None:
    """Write each table between `<!-- measured NAME -->` and `<!-- end -->`, where there is such.

    What the document has no place for is left out, and places without a new table keep the old one.

    Args:
        document: the Markdown file.
        where: what `machine.describe` said.
        tables: what was measured.
    """
    text = document.read_text(encoding="utf-8")
    for table in tables:
        before, opening, rest = text.partition(f"<!-- measured {table.name} -->\n")
        if opening:
            after = rest.partition("<!-- end -->")[2]
            body = f"\n{table.for_document()}\n\n*{machine.sentence(where)}*\n\n"
            text = f"{before}{opening}{body}<!-- end -->{after}"
    document.write_text(text, encoding="utf-8")
