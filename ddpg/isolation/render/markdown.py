"""Matrix of a report as a Markdown table."""

from .matrix import Field, Matrix


def to_markdown(matrix: Matrix) -> str:
    """Return the matrix with one row per update and one column per module."""
    rows = [
        ["update", *matrix.modules],
        ["---"] * (1 + len(matrix.modules)),
        *([f"**{update}**", *map(_text, fields)] for update, fields in matrix.rows.items()),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _text(field: Field) -> str:
    grade, *norms = field.lines
    verdict = field.verdict if field.kind == "kept" else f"**{field.verdict}**"
    # A vertical bar would end the column.
    return ", ".join([f"{verdict}: {grade}", *norms]).replace("|", "\\|")
