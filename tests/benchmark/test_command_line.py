"""`scripts/bench.py`: what it refuses, and what it writes."""

import json

import pytest

from ddpg.benchmark import subjects
from ddpg.benchmark.command_line import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--repeats=0"], "repeats is 0; allowed: a whole number ≥ 1"),
        (["--seconds=0"], "seconds is 0; allowed: a number > 0"),
        (["--threads=1000"], "threads is 1000; allowed here: 1 to"),
        (["--subjects=ddgp"], "subjects names 'ddgp'; allowed: stable-baselines3,"),
        (["--json=none/it.json"], "allowed: a file in a folder that exists"),
        (["--document=none.md"], "allowed: a file that exists"),
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
    measured = ["--subjects=ddpg,limit", "--repeats=1", "--seconds=0.2"]
    assert main([*measured, f"--json={tmp_path / 'it.json'}", f"--document={document}"]) == 0
    assert "% of the limit" in capsys.readouterr().out
    results = json.loads((tmp_path / "it.json").read_text())
    assert [each["subject"] for each in results["speed"]] == ["ddpg", "limit"]
    speed = results["speed"][0]["repeats"][0]["speed"]
    assert f"| ddpg | {speed:,.0f} |" in document.read_text()
