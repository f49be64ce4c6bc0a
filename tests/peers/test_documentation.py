"""The examples of docs/audit_libraries.md run."""

import re
from pathlib import Path
from typing import Any

import pytest

from ddpg.isolation import ContractBrokenError
from tests.peers import plants_pfrl, plants_skrl, plants_tianshou, plants_torchrl

PAGE = Path(__file__).parents[2] / "docs" / "audit_libraries.md"
SECTIONS = PAGE.read_text(encoding="utf-8").split("\n## ")


def run_section(title: str, names: dict[str, Any]) -> None:
    """Run the examples of a section one after the other."""
    section = next(each for each in SECTIONS if each.startswith(title))
    for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        if "summed_contract(loss" not in block:
            exec(block, names)
            continue
        with pytest.raises(ContractBrokenError) as caught:
            exec(block, names)
        printed = " ".join(str(caught.value).split())
        shown = re.findall(r"```\n(- update.*?)```", section, re.DOTALL)[0]
        finding, stop = " ".join(shown.split()).removesuffix(" or ...").split(" stop: ")
        assert finding in printed
        assert f"stop: {stop}" in printed


def test_stable_baselines3() -> None:
    names: dict[str, Any] = {}
    run_section("Stable-Baselines3", names)
    names["audit"](*names["factory"]()).assert_kept()


def test_torchrl() -> None:
    loop = plants_torchrl.build_loop()
    run_section(
        "TorchRL",
        {
            "loss": loop.loss,
            "actor_optimizer": loop.optimizers["actor"],
            "critic_optimizer": loop.optimizers["critic"],
            "updater": loop.updater,
            "batch": plants_torchrl.random_batch(),
        },
    )


def test_tianshou() -> None:
    algorithm, buffer = plants_tianshou.build_algorithm(), plants_tianshou.random_buffer()
    run_section("Tianshou", {"algorithm": algorithm, "buffer": buffer})


def test_skrl() -> None:
    run_section("skrl", {"agent": plants_skrl.build_agent()})


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy")
@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar")
def test_pfrl() -> None:
    run_section("PFRL", {"agent": plants_pfrl.build_agent()})
