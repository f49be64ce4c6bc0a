"""The examples of docs/inventory.md run and print what the page shows."""

import linecache
import re
from pathlib import Path
from typing import Any, get_args

from ddpg.isolation import Survey
from ddpg.isolation.survey.warnings import WarningKind

PAGE = (Path(__file__).parents[3] / "docs" / "inventory.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_print_what_is_shown(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "agent.py"
    file.write_text(BLOCKS[0], encoding="utf-8")
    linecache.checkcache()
    names: dict[str, Any] = {"__name__": "agent"}
    exec(compile(BLOCKS[0], str(file), "exec"), names)
    survey: Survey = names["survey"]
    assert [each.kind for each in survey.warnings] == ["applied_through"]
    (shown,) = re.findall(r"```text\n(module.*?)```", PAGE, re.DOTALL)
    assert capsys.readouterr().out.strip() == shown.strip()
    exec(BLOCKS[1], names)
    assert capsys.readouterr().out == "False\n"


def test_every_warning_is_explained() -> None:
    assert {f"`{kind}`" for kind in get_args(WarningKind)} <= set(re.findall(r"`\w+`", PAGE))
