"""`scripts/audit.py`: exit status, files, and one sentence per usage error."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

FACTORIES = """
from ddpg.isolation import trains
from tests.isolation.agents import ActorCritic

def kept():
    agent = ActorCritic()
    return agent.contract(), agent.updates()

def broken():
    agent = ActorCritic()
    contract = agent.contract(updates={"actor_update": trains("actor")})
    return contract, {"actor_update": agent.actor_update}

def raising():
    raise KeyError("mine")

def exiting():
    raise SystemExit(0)

def wrong():
    return 3

NUMBER = 3
"""


def audit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(FACTORIES)
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "audit.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        check=False,
    )


def test_a_kept_contract(tmp_path: Path) -> None:
    run = audit(tmp_path, "mine:kept")
    assert (run.returncode, run.stderr) == (0, "")
    assert "The contract is kept" in run.stdout
    assert "critic_update" in run.stdout


def test_a_broken_contract_and_its_files(tmp_path: Path) -> None:
    run = audit(tmp_path, "mine:broken", "--json", "report.json", "--html", "report.html")
    assert run.returncode == 1
    assert "actor_update × critic: leaked" in run.stdout
    written = json.loads((tmp_path / "report.json").read_text())
    assert not written["kept"]
    assert [finding["module"] for finding in written["findings"]] == ["critic"]
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert sorted(path.name for path in tmp_path.glob("report*")) == ["report.html", "report.json"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["mine"],
            "mine is not a run folder: it has no config.yaml; allowed: the folder of a run, or",
        ),
        (
            [":kept"],
            "subject: ':kept' is not allowed; allowed: the folder of a run, or module:factory",
        ),
        (["nowhere:kept"], "cannot import nowhere: it is not in this folder or on the path"),
        (["mine:nothing"], "cannot call mine:nothing: mine has no function 'nothing'"),
        (["mine:NUMBER"], "cannot call mine:NUMBER: mine has no function 'NUMBER'"),
        (
            ["mine:wrong"],
            "mine:wrong: a result of type int is not allowed; allowed: (contract, updates)",
        ),
        (["mine:kept", "--rounds", "0"], "rounds: 0 is not allowed; allowed: a whole number ≥ 1"),
        (["mine:kept", "--json", "no/folder.json"], "cannot write no/folder.json: No such file"),
        ([], "the following arguments are required"),
    ],
)
def test_a_usage_error_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    run = audit(tmp_path, *arguments)
    assert run.returncode == 2
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr


def test_an_error_in_the_users_code_names_its_line(tmp_path: Path) -> None:
    run = audit(tmp_path, "mine:raising")
    assert run.returncode == 2
    assert "mine:raising raised KeyError at" in run.stderr
    assert "mine.py:15" in run.stderr
