"""The notebook is the lesson, and its stored outputs are those of a fresh run."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from ddpg.stops import Crossing, Effect, stop_names
from ddpg.tutorial.notebook import execute, notebook

FILE = Path(__file__).parents[2] / "docs" / "gradient_flow.ipynb"
REMAKE = "make it again: python scripts/tutorial.py --notebook"
SIZE_LIMIT = 1_000_000
"""GitHub shows larger notebooks late or not at all."""


def stored() -> Any:
    """The notebook of the repository."""
    return nbformat.read(FILE, as_version=4)


def texts(cell: Any) -> list[Any]:
    """The outputs of a cell as text; of a picture, its labels."""
    found: list[Any] = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        labels = re.findall(r"<text [^>]*>([^<]*)</text>", data.get("image/svg+xml", ""))
        found.append(
            (output.output_type, output.get("text"), data.get("text/html"), sorted(labels))
        )
    return found


@pytest.mark.slow
def test_a_fresh_run_gives_the_stored_outputs():
    fresh = notebook()
    assert [cell.source for cell in fresh.cells] == [cell.source for cell in stored().cells], REMAKE
    execute(fresh)
    for new, old in zip(fresh.cells, stored().cells, strict=True):
        assert texts(new) == texts(old), f"{new.source}\n{REMAKE}"


def test_the_stored_notebook_is_whole():
    assert FILE.stat().st_size < SIZE_LIMIT
    document = stored()
    nbformat.validate(document)
    outputs = [output for cell in document.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    pictures = [each for each in outputs if "image/svg+xml" in each.get("data", {})]
    running = (Effect.LEAKS, Effect.PROTECTS, Effect.STARVES)
    upstream = stop_names(Crossing.UPSTREAM, *running)
    downstream = stop_names(Crossing.DOWNSTREAM, *running)
    assert len(pictures) == 2 * len(upstream) + len(downstream)
    text = FILE.read_text(encoding="utf-8")
    for words in ("bootstrap_actor: live", "The contract is kept", "leaked (moved, grade 3 moved)"):
        assert words in text
    for place in ("/tmp/", "/home/", "Fontconfig", "ipykernel_"):
        assert place not in text
