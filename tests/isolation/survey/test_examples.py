"""Each example has its inventory on the page, and the audit finds its planted mistake."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from examples.inventories import INTRODUCTION, PAGE, run, section
from examples.mistakes import FOLDER, MISTAKES, Mistake

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.example)
def test_the_page_shows_what_the_command_prints(mistake: Mistake) -> None:
    computed = section(mistake)
    assert "No warnings.\n\nProposed contract:" in computed
    assert "Warnings (" in computed or "The contract is broken" in computed
    assert computed.strip() in TEXT


def test_the_page_has_every_script() -> None:
    scripts = {each.stem for each in FOLDER.glob("*.py")} - {"__init__", "inventories", "mistakes"}
    assert scripts == {each.example for each in MISTAKES}
    assert TEXT.startswith(INTRODUCTION)
    assert TEXT.count("\n## ") == len(MISTAKES)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.example)
def test_an_unchanged_example_keeps_its_contract(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(mistake.script, "--propose", str(tmp_path / "contract.py"))
    # Another part of the training, and more cycles.
    options = ("--contract", str(tmp_path / "contract.py"), "--after", "13", "--cycles", "6")
    text, status = run(mistake.script, *options)
    assert status == 0, text
