"""README and docs agree with the code."""

import re
from pathlib import Path
from typing import Any

import pytest

from ddpg.stops import STOPS, Crossing

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_stops_agrees_with_the_code():
    section = README.partition("## The stops")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", section, re.MULTILINE)
    assert rows == [
        (
            name,
            stop.summary,
            stop.effect[Crossing.UPSTREAM].value,
            stop.effect[Crossing.DOWNSTREAM].value,
        )
        for name, stop in STOPS.items()
    ]


def test_every_link_and_picture_exists():
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_readmes_library_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(
            block.replace("steps=5_000", "steps=1_100").replace("episodes=100", "episodes=3"), names
        )
    printed = capsys.readouterr().out
    assert "critic_update" in printed
    assert names["values"].metrics().critic_loss.shape == (1,)
