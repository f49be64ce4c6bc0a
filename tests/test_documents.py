"""README and docs agree with the code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ddpg
import ddpg.isolation
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


def test_both_distributions_have_one_version_and_one_licence():
    citation = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M)
    assert citation
    assert citation[1] == ddpg.__version__ == ddpg.isolation.__version__
    assert (ROOT / "ddpg/isolation/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.slow
def test_the_readmes_code_passes_strict_type_checkers(tmp_path):
    code = tmp_path / "readme.py"
    code.write_text("\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL)), "utf-8")
    # `learn` of Stable-Baselines3 has a parameter without a type.
    strict = {"typeCheckingMode": "strict", "reportUnknownMemberType": "warning"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({**strict, "extraPaths": [str(ROOT)]}))
    checks = {
        "mypy": [
            "--strict",
            "--follow-imports=silent",
            f"--cache-dir={ROOT / '.mypy_cache'}",
            code,
        ],
        "pyright": ["--pythonpath", sys.executable, "--project", tmp_path],
    }
    for name, options in checks.items():
        run = subprocess.run(
            [sys.executable, "-m", name, *options],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


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
