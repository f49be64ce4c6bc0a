"""The command `ddpg`: subcommands, version, completion and packaged settings."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import ddpg
from ddpg.cli import invocation
from ddpg.cli.main import COMMANDS, main
from ddpg.config.packaged import packaged_file, packaged_names
from tests.test_library import imported

ROOT = Path(__file__).parents[2]


def error_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_every_script_but_the_benchmark_is_a_subcommand():
    scripts = {file.stem for file in (ROOT / "scripts").glob("*.py")}
    assert set(COMMANDS) == scripts - {"bench"}


def test_the_version_and_the_help_import_no_torch(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert (caught.value.code, capsys.readouterr().out) == (0, f"ddpg {ddpg.__version__}\n")
    assert main([]) == 2
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert imported("import ddpg.cli.main") == set()


def test_an_unknown_command_is_one_sentence(capsys):
    assert error_of(capsys, "trian") == (
        "ddpg: error: command: 'trian' is not allowed, did you mean 'train'?; "
        f"allowed: {', '.join(COMMANDS)}\n"
    )
    assert error_of(capsys, "--fast") == "ddpg: error: unrecognized arguments: --fast\n"


@pytest.mark.parametrize(
    ("started", "words", "program"),
    [
        ("/venv/bin/ddpg", ["ddpg", "train"], "ddpg train"),
        ("C:/venv/Scripts/ddpg.exe", ["ddpg", "train"], "ddpg train"),
        ("/site/ddpg/__main__.py", ["python", "-m", "ddpg", "train"], "ddpg train"),
        ("scripts/evaluate.py", ["python", "scripts/train.py"], "train.py"),
    ],
)
def test_printed_commands_start_as_the_user_started(monkeypatch, started, words, program):
    monkeypatch.setattr(sys, "argv", [started])
    assert invocation.invocation("train") == words
    assert invocation.program("train") == program


@pytest.mark.slow
def test_python_m_ddpg_trains_from_a_packaged_file_anywhere(tmp_path):
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ddpg", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    small = ["--steps", "20", "--hidden", "[8]", "--tensorboard", "false", "--name", "mine"]
    trained = call("train", "--config", "paper", *small)
    assert trained.returncode == 0, trained.stderr
    assert " -m ddpg evaluate runs/mine" in trained.stdout
    stored = yaml.safe_load((tmp_path / "runs/mine/config.yaml").read_text())
    assert stored["noise"] == yaml.safe_load((ROOT / "configs/paper.yaml").read_text())["noise"]
    refused = call("train", "--gamma", "2")
    assert refused.stderr.startswith("ddpg train: error: gamma: 2.0 is not allowed")


def test_a_file_of_the_user_comes_before_a_packaged_one(tmp_path, monkeypatch):
    assert {file.stem for file in (ROOT / "configs").glob("*.yaml")} == set(packaged_names())
    monkeypatch.chdir(tmp_path)
    assert packaged_file("pendulum") == ROOT / "configs" / "pendulum.yaml"
    assert packaged_file("pendulm") is None
    (tmp_path / "pendulum").touch()
    assert packaged_file("pendulum") is None


@pytest.mark.slow
def test_the_completion_script_has_every_command_and_option(capsys, monkeypatch, tmp_path):
    assert main(["--print_completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    for line, word in (("ddpg tra", "train"), ("ddpg train --gam", "--gamma")):
        words = f"COMP_WORDS=({line}); COMP_CWORD={line.count(' ')}"
        call = f'source {script}; {words}; _shtab_ddpg; printf "%s\\n" "${{COMPREPLY[@]}}"'
        assert word in subprocess.check_output(["bash", "-c", call], text=True).split()
    monkeypatch.setattr("ddpg.cli.main.find_spec", {"shtab": None}.get)
    assert error_of(capsys, "--print_completion", "bash") == (
        "ddpg: error: completion needs shtab; "
        'install it with: pip install "ddpg-stops[completion]"\n'
    )
