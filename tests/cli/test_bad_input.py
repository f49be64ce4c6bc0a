"""Each wrong command line of the table gets one sentence and exit status 2, and writes nothing.

The rows run in this process, in milliseconds each. Some run again in a process of their own.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.bad_input.files import prepare
from tests.cli.bad_input.harness import SCRIPTS, Outcome, call, contents

TABLE = Path(__file__).parent / "bad_input" / "table.txt"
ROW = re.compile(r"^(\w+\.py) ?(.*)\n    (.+)$", re.MULTILINE)

# Gymnasium and NumPy warn about strange spaces and missing displays.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


def rows() -> list[tuple[str, str, str]]:
    """Return script, the rest of the command line, and the sentence, per row."""
    return [(row[1], row[2], row[3]) for row in ROW.finditer(TABLE.read_text("utf-8"))]


def arguments(command: str) -> list[str]:
    """Split `command` as a shell does; `\\uXXXX` is a character that a table cannot show."""
    shown = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), command)
    return shlex.split(shown)


def assert_refused(script: str, outcome: Outcome, sentence: str) -> None:
    assert outcome.status == 2, outcome
    assert outcome.output == ""
    lines = outcome.errors.splitlines()
    assert len(lines) == 1, outcome.errors
    pattern = ".*".join(re.escape(part) for part in f"{script}: error: {sentence}".split("…"))
    assert re.fullmatch(pattern, lines[0]), lines[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad-input")
    prepare(folder)
    return folder


@pytest.mark.parametrize(("script", "command", "sentence"), rows(), ids=lambda text: text[:50])
def test_a_wrong_command_line_gets_one_sentence_and_writes_nothing(
    folder, monkeypatch, script, command, sentence
):
    monkeypatch.chdir(folder)
    before = contents(folder)
    assert_refused(script, call(script, arguments(command)), sentence)
    assert contents(folder) == before


def test_the_table_is_read_whole_and_has_every_script():
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert len(rows()) == len(lines) // 2 >= 60
    assert {script for script, _, _ in rows()} == {path.name for path in SCRIPTS.glob("*.py")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [
        "train.py --gamma 1.5",
        "train.py --gama 1",
        "train.py --name ''",
        "train.py --config object.yaml",
        "train.py --env Blackjack-v1",
        "evaluate.py runs/imports",
        "audit.py os:nothing",
    ],
)
def test_a_real_process_prints_the_same(folder, row):
    script, command, sentence = next(each for each in rows() if " ".join(each[:2]) == row)
    before = contents(folder)
    ended = subprocess.run(
        [sys.executable, str(SCRIPTS / script), *arguments(command)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert_refused(script, Outcome(ended.returncode, ended.stdout, ended.stderr), sentence)
    assert contents(folder) == before


def test_other_spellings_of_numbers_are_accepted(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "good.yaml").write_text(
        "steps: 1e4\nhidden: [32, 1.6e1]\nactor_learning_rate: 1e-3\n"
    )
    typed = ["--members", "2e0", "--name", "1e3", "--print_config"]
    printed = call("train.py", ["--config", "good.yaml", *typed])
    assert printed.status == 0
    (folder / "again.yaml").write_text(printed.output)
    again = call("train.py", ["--config", "again.yaml", "--print_config"])
    assert again.output == printed.output
    # Text that looks like a number is quoted.
    assert "name: '1e3'" in printed.output.splitlines()
    for line in ("steps: 10000.0", "members: 2.0", "actor_learning_rate: 0.001"):
        assert line in printed.output.splitlines()


@pytest.mark.slow
def test_a_file_without_permission_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("gamma: 0.9\n")
    # The superuser may read every file, so the refusal itself is simulated.
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.R_OK)
    outcome = call("train.py", ["--config", "mine.yaml"])
    assert_refused("train.py", outcome, "cannot read …mine.yaml: File is not readable; allowed: …")
