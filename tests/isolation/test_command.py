"""The command `gradient-isolation`: exit status, files, and one sentence per usage error."""

import json
import sys
from pathlib import Path

import pytest

from ddpg.isolation import __version__
from ddpg.isolation.command import main
from tests.cli.test_audit import FACTORIES


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "factories.py").write_text(FACTORIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "factories", raising=False)
    return tmp_path


def test_the_exit_status_is_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["factories:kept"]) == 0
    assert "The contract is kept" in capsys.readouterr().out
    assert main(["factories:broken", "--rounds", "1"]) == 1
    shown = capsys.readouterr().out
    assert "actor_update × critic: leaked" in shown
    assert "│" in shown  # the table


def test_without_rich_there_is_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ddpg.isolation.command.find_spec", {"rich": None}.get)
    assert main(["factories:kept"]) == 0
    assert capsys.readouterr().out.startswith("The contract is kept")


def test_its_files(folder: Path) -> None:
    assert main(["factories:broken", "--json", "report.json", "--html", "report.html"]) == 1
    assert not json.loads((folder / "report.json").read_text("utf-8"))["kept"]
    page = (folder / "report.html").read_text("utf-8")
    assert "factories:broken" in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["factories"], "subject: 'factories' is not allowed; allowed: module:factory"),
        (["nowhere:kept"], "cannot import nowhere: it is not in this folder or on the path"),
        (["factories:wrong"], "factories:wrong: a result of type int is not allowed; allowed: ("),
        (["factories:raising"], "factories:raising raised KeyError at "),
        (["factories:exiting"], "factories:exiting raised SystemExit at "),
        (["factories:kept", "--rounds", "0"], "rounds: 0 is not allowed; allowed: a whole number"),
        (["factories:kept", "--json", "no/it.json"], "cannot write no/it.json: No such file"),
    ],
)
def test_a_usage_error_is_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    errors = capsys.readouterr().err
    assert caught.value.code == 2
    assert errors.startswith(f"gradient-isolation: error: {sentence}")
    assert errors.count("\n") == 1


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"gradient-isolation {__version__}\n"
