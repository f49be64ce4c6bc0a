"""Command line of `scripts/bench.py`: options that it refuses, and files that it writes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks import command_line
from benchmarks.command_line import main
from benchmarks.subjects import registry

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"


@pytest.fixture
def nothing_is_measured(monkeypatch):
    def measure(_: object) -> NoReturn:
        pytest.fail("a section was measured")

    for section in command_line.SECTIONS:
        monkeypatch.setitem(command_line.SECTIONS, section, measure)


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--repeats=0"], "repeats: 0 is not allowed; allowed: a whole number ≥ 1"),
        (["--seconds=0"], "seconds: 0 is not allowed; allowed: a number > 0"),
        (["--threads=1000"], "threads: 1000 is not allowed; allowed: 1 to"),
        (["--subjects=ddgp"], "subjects: 'ddgp' is not allowed; allowed: stable-baselines3,"),
        (["--json=none/it.json"], "allowed: a file in a folder that exists"),
        (["--document=none.md"], "allowed: a file that exists"),
        (["--json=."], "cannot write .: Is a directory"),
        (["--scaling", "--picture="], "cannot write .: Is a directory"),
        (["--picture=it.gif"], "allowed: a name that ends in .png, .pdf or .svg"),
        (
            ["--picture=it.png"],
            "'it.png' is not allowed; allowed: together with --scaling",
        ),
        (["--size=huge"], "small"),
    ],
)
def test_it_refuses_in_one_sentence(capsys, arguments, sentence):
    error = refusal(capsys, *arguments)
    assert error.startswith("bench.py: error: ")
    assert sentence in error
    assert len(error.splitlines()) == 1


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the error with which the command line refuses arguments."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize("content", [b"not JSON", b"[1]", b"\xff"])
def test_a_file_of_another_program_is_unchanged(tmp_path, capsys, content):
    file = tmp_path / "it.json"
    file.write_bytes(content)
    assert refusal(capsys, f"--json={file}") == (
        f"bench.py: error: json: {str(file)!r} is not allowed; "
        "allowed: a new file, or one that bench.py wrote\n"
    )
    assert file.read_bytes() == content


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize(
    "content",
    [
        b"no place",
        b"<!-- measured one -->\nwithout an end\n",
        b"<!-- measured one -->\n<!-- measured two -->\n<!-- end -->\nmore\n",
        b"\xff<!-- measured one -->\n<!-- end -->\n",
    ],
)
def test_a_document_with_incomplete_places_is_unchanged(tmp_path, capsys, content):
    document = tmp_path / "it.md"
    document.write_bytes(content)
    assert refusal(capsys, f"--document={document}") == (
        f"bench.py: error: document: {str(document)!r} is not allowed; "
        "allowed: a file with places for tables, "
        "`<!-- measured NAME -->`, each with its `<!-- end -->`\n"
    )
    assert document.read_bytes() == content


def test_ctrl_c_prints_one_line_and_keeps_the_stored_sections(tmp_path, capsys, monkeypatch):
    def interrupted(_: object) -> NoReturn:
        raise KeyboardInterrupt

    file = tmp_path / "it.json"
    file.write_text('{"other": "kept"}')
    monkeypatch.setitem(command_line.SECTIONS, "speed", interrupted)
    assert main([f"--json={file}"]) == 130
    printed = capsys.readouterr()
    assert printed.err == "bench.py: interrupted; the running section is lost\n"
    assert printed.out == ""
    assert [each.name for each in tmp_path.iterdir()] == ["it.json"]
    assert file.read_text() == '{"other": "kept"}'


@pytest.mark.usefixtures("nothing_is_measured")
def test_the_error_for_a_missing_peer_has_the_command_to_install_it(capsys, monkeypatch):
    find_spec = registry.find_spec
    monkeypatch.setattr(
        registry, "find_spec", lambda name: None if name == "sbx" else find_spec(name)
    )
    assert refusal(capsys, "--peers") == (
        "bench.py: error: cannot measure sbx: the package sbx is not installed; run: "
        "pip install -e '.[peers-jax]'\n"
    )


@pytest.mark.slow
def test_the_script_runs_in_any_folder(tmp_path):
    # A module of the current folder must not replace one of the repository.
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("raise ImportError")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, SCRIPT, "--subjects=limit", "--repeats=1", "--seconds=0.1"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Parts of the limit" in done.stdout


@pytest.mark.slow
def test_it_measures_prints_and_writes(tmp_path, capsys):
    document = tmp_path / "it.md"
    document.write_text("<!-- measured speed-small -->\n<!-- end -->\n")
    (tmp_path / "it.json").write_text('{"other": "kept"}')
    sections = ["--subjects=ddpg,limit", "--repeats=1", "--seconds=0.2"]
    assert main([*sections, f"--json={tmp_path / 'it.json'}", f"--document={document}"]) == 0
    assert "% of the limit" in capsys.readouterr().out
    results = json.loads((tmp_path / "it.json").read_text())
    assert results["other"] == "kept"
    assert results["speed"]["machine"]["command"].startswith(
        "scripts/bench.py --subjects=ddpg,limit"
    )
    speeds = results["speed"]["results"]
    assert [each["subject"] for each in speeds] == ["ddpg", "limit"]
    assert f"| ddpg | {speeds[0]['repeats'][0]['speed']:,.0f} |" in document.read_text()
