"""The examples of docs/audit.md run, and its tables agree with code and benchmark."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from torch.utils.tensorboard import SummaryWriter

from ddpg.isolation import Cell, Contract, ContractBrokenError, Finding
from ddpg.isolation.pytest_plugin import Isolation
from ddpg.isolation.results import Kind
from tests.isolation.agents import ActorCritic

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "audit.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class Model(ActorCritic):
    """An agent with all updates in one call."""

    def train(self) -> None:
        self.critic_update()
        self.actor_update()
        self.sync()


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The reader's own objects, and the names of the first example."""
    monkeypatch.chdir(tmp_path)
    agent = ActorCritic()
    names: dict[str, Any] = {
        **vars(agent),
        "agent": agent,
        "actor_loss": agent.actor_loss,
        "critic_loss": agent.critic_loss,
        "model": Model(),
        "SummaryWriter": SummaryWriter,
        "steps": 2,
    }
    exec(BLOCKS[0], names)
    return names


@pytest.mark.parametrize("block", BLOCKS[1:])
def test_the_example_runs(block: str, names: dict[str, Any], tmp_path: Path) -> None:
    exec(block, names)
    for name in [each for each in names if each.startswith("test_")]:
        names[name](Isolation)
    if "term(" in block:
        with pytest.raises(ContractBrokenError, match="'actor_loss'"):
            names["report"].assert_kept()
    else:
        names["report"].assert_kept()
    assert any(tmp_path.rglob("events.*")) == ("LiveWatch" in block)


def test_the_summary_is_the_one_that_is_shown(names: dict[str, Any]) -> None:
    exec(BLOCKS[0].replace(', through="critic"', "").replace("report.assert_kept()", ""), names)
    summary = " ".join(names["report"].summary().split())
    (shown,) = re.findall(r"```\n(- actor_update.*?)```", PAGE, re.DOTALL)
    for part in re.split(r"(?<= )\.\.\.", " ".join(shown.split())):
        assert part.strip(" ,") in summary


def test_every_field_and_kind_is_explained() -> None:
    names = {field.name for each in (Contract, Cell, Finding) for field in fields(each)}
    # `update` is the row as users read it.
    for name in [*(names - {"row"}), "update", *get_args(Kind)]:
        assert f"`{name}`" in PAGE, name


def test_the_costs_are_those_of_the_benchmark() -> None:
    results = json.loads((DOCS / "performance.json").read_text())["audit"]["results"]
    costs = [each for each in results if "milliseconds" in each]
    rows = re.findall(r"^\| .* \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (f"{each['milliseconds']:.1f}", f"{each['bare_updates']:.1f}") for each in costs
    ]
    for each in results[len(costs) :]:
        assert f"{each['ratio']:.3f}" in PAGE
