"""The fixture passes and fails as the contract says, and torch is imported only when it is used."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ddpg.isolation import Contract, ContractBrokenError, trains
from ddpg.isolation.pytest_plugin import Isolation, isolation
from tests.isolation.agents import ActorCritic

pytestmark = pytest.mark.slow

__all__ = ["isolation"]  # the fixture, whether or not the entry point is installed

ROOT = Path(__file__).parents[2]


def test_a_kept_contract_passes(isolation: Callable[[Contract], Isolation]) -> None:
    agent = ActorCritic()
    report = isolation(agent.contract()).check(agent.updates())
    assert report["critic_update", "critic"].grade == 3


def test_a_broken_contract_fails_with_everything_that_is_wrong(
    isolation: Callable[[Contract], Isolation],
) -> None:
    agent = ActorCritic()
    contract = agent.contract(updates={"actor_update": trains("actor")})
    with pytest.raises(ContractBrokenError) as caught:
        isolation(contract).check(agent.actor_update)
    message = str(caught.value)
    assert "actor_update × critic: leaked (written, grade 2 nonzero)" in message
    assert "agents.py" in message
    assert "through='critic'" in message


def test_another_object_is_refused(isolation: Callable[[Contract], Isolation]) -> None:
    with pytest.raises(TypeError, match="contract: 3 is not allowed; allowed: a Contract"):
        isolation(3).check(print)  # pyright: ignore[reportArgumentType]


def test_loading_the_plugin_imports_no_torch() -> None:
    code = "import sys, ddpg.isolation.pytest_plugin; print('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert run.stdout.strip() == "False"


def test_a_suite_that_uses_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import torch\n"
        "from ddpg.isolation import Contract, moves, nothing\n"
        "def check(isolation, permission):\n"
        "    module = torch.nn.Linear(1, 1)\n"
        "    contract = Contract(modules={'module': module}, updates={'update': permission})\n"
        "    isolation(contract).check(lambda: torch.nn.init.ones_(module.weight))\n"
        "def test_good(isolation):\n"
        "    check(isolation, moves('module'))\n"
        "def test_bad(isolation):\n"
        "    check(isolation, nothing())\n"
    )
    plugin = ["-p", "no:cacheprovider", "-p", "ddpg.isolation.pytest_plugin"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugin, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
    )
    assert "1 failed, 1 passed" in run.stdout
    assert "update × module: moved_by_other" in run.stdout


def test_all_exports_are_there() -> None:
    import ddpg.isolation as package

    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = package.nonsense  # pyright: ignore[reportAttributeAccessIssue]
