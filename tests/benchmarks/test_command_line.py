"""`scripts/bench.py`: what it refuses, and what it writes."""

import json
from typing import NoReturn

import pytest

from benchmarks import command_line, subjects
from benchmarks.command_line import main


@pytest.fixture
def nothing_is_measured(monkeypatch):
    def measured(_: object) -> NoReturn:
        pytest.fail("it went on to measure")

    for section in command_line._MEASURED:
        monkeypatch.setitem(command_line._MEASURED, section, measured)


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--repeats=0"], "repeats is 0; allowed: a whole number ≥ 1"),
        (["--seconds=0"], "seconds is 0; allowed: a number > 0"),
        (["--threads=1000"], "threads is 1000; allowed here: 1 to"),
        (["--subjects=ddgp"], "subjects names 'ddgp'; allowed: stable-baselines3,"),
        (["--json=none/it.json"], "allowed: a file in a folder that exists"),
        (["--document=none.md"], "allowed: a file that exists"),
        (["--json=."], "json is '.'; allowed: a file in a folder that exists"),
        (["--scaling", "--picture="], "picture is '.'; allowed: a file in a folder that exists"),
        (["--picture=it.gif"], "allowed: a name that ends in .png, .pdf or .svg"),
        (["--picture=it.png"], "picture is 'it.png'; allowed: beside --scaling"),
        (["--size=huge"], "small"),
    ],
)
def test_it_refuses_in_one_sentence(capsys, arguments, sentence):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("bench.py: error: ")
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.usefixtures("nothing_is_measured")
@pytest.mark.parametrize("content", [b"not JSON", b"[1]", b"\xff"])
def test_a_file_that_it_did_not_write_is_left_alone(tmp_path, capsys, content):
    file = tmp_path / "it.json"
    file.write_bytes(content)
    with pytest.raises(SystemExit) as exit_:
        main([f"--json={file}"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        f"bench.py: error: json is {str(file)!r}; allowed: a new file, or one that bench.py wrote\n"
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
def test_a_document_without_whole_places_is_left_alone(tmp_path, capsys, content):
    document = tmp_path / "it.md"
    document.write_bytes(content)
    with pytest.raises(SystemExit) as exit_:
        main([f"--document={document}"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        f"bench.py: error: document is {str(document)!r}; allowed: a file with places for tables, "
        "`<!-- measured NAME -->`, each with its `<!-- end -->`\n"
    )
    assert document.read_bytes() == content


def test_ctrl_c_ends_it_in_one_line_and_keeps_what_is_there(tmp_path, capsys, monkeypatch):
    def interrupted(_: object) -> NoReturn:
        raise KeyboardInterrupt

    file = tmp_path / "it.json"
    file.write_text('{"other": "kept"}')
    monkeypatch.setitem(command_line._MEASURED, "speed", interrupted)
    assert main([f"--json={file}"]) == 130
    said = capsys.readouterr()
    assert said.err == "bench.py: interrupted: sections without a table are lost\n"
    assert said.out == ""
    assert [each.name for each in tmp_path.iterdir()] == ["it.json"]
    assert file.read_text() == '{"other": "kept"}'


@pytest.mark.usefixtures("nothing_is_measured")
def test_a_peer_that_is_not_installed_names_its_extra(capsys, monkeypatch):
    found = subjects.find_spec
    monkeypatch.setattr(subjects, "find_spec", lambda name: None if name == "sbx" else found(name))
    with pytest.raises(SystemExit) as exit_:
        main(["--peers"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == (
        "bench.py: error: sbx needs the package sbx, which is not installed; the extra peers-jax "
        "brings it: pip install -e '.[peers-jax]'\n"
    )


@pytest.mark.slow
def test_it_measures_prints_and_writes(tmp_path, capsys):
    document = tmp_path / "it.md"
    document.write_text("<!-- measured speed-small -->\n<!-- end -->\n")
    (tmp_path / "it.json").write_text('{"other": "kept"}')
    measured = ["--subjects=ddpg,limit", "--repeats=1", "--seconds=0.2"]
    assert main([*measured, f"--json={tmp_path / 'it.json'}", f"--document={document}"]) == 0
    assert "% of the limit" in capsys.readouterr().out
    results = json.loads((tmp_path / "it.json").read_text())
    assert results["other"] == "kept"
    speeds = results["speed"]["results"]
    assert [each["subject"] for each in speeds] == ["ddpg", "limit"]
    assert f"| ddpg | {speeds[0]['repeats'][0]['speed']:,.0f} |" in document.read_text()
