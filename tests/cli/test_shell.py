"""Printed commands: found without an activated environment, and quoted for the shell."""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ddpg.cli.shell import from_here, option, own_command, tensorboard_command

NAMES = ["-x", "--steps", "a b", "a  b", "$x", "'", '"', "~", "Zürich", "日本", "null", "#x", "!"]
BIN = Path(sysconfig.get_path("scripts"))


@pytest.fixture(autouse=True)
def typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["scripts/train.py"])


def test_an_activated_environment_needs_no_path(monkeypatch):
    monkeypatch.setenv("PATH", f"{BIN}:/usr/bin:/bin")
    assert own_command("evaluate", Path("runs/x")) == "python scripts/evaluate.py runs/x"
    assert tensorboard_command(Path("runs/x")) == "tensorboard --logdir runs/x"


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "", "/nonexistent"])
def test_another_environment_on_the_path_is_not_used(monkeypatch, path, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("python", "tensorboard"):
        (other / name).symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{other}:{path}")
    folder = shlex.quote(str(BIN))
    assert own_command("evaluate") == f"{folder}/python scripts/evaluate.py"
    assert tensorboard_command(Path("runs/x")) == f"{folder}/tensorboard --logdir runs/x"


def test_an_environment_inside_the_folder_is_printed_relative_to_it(monkeypatch, tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    link = tmp_path / ".venv" / "bin" / "python"
    link.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(link))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert own_command("train", "--resume").startswith(".venv/bin/python scripts/train.py")
    assert from_here(link) == Path(".venv/bin/python")
    assert from_here(Path("/usr/bin")) == Path("/usr/bin")


@pytest.mark.parametrize(
    "name",
    ["-x", "--steps", "a b", "a  b", "$x", "'", '"', "~", "Zürich", "日本", "null", "#x", "!"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_every_name_reaches_the_program_as_it_is(monkeypatch, tmp_path, name, encoding):
    class Output:
        pass

    monkeypatch.setattr(Output, "encoding", encoding, raising=False)
    monkeypatch.setattr(sys, "stdout", Output())
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "echo.py").write_text(
        "import os, sys\nfor w in sys.argv[1:]: os.write(1, os.fsencode(w) + bytes(1))"
    )
    command = own_command("echo", *option("name", name), Path(name), Path("runs", name))
    assert command.isascii() or encoding == "utf-8"
    assert " ".join(command.split()) == command
    shown = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    *words, path, inner, _ = os.fsdecode(shown).split("\0")
    assert "=".join(words) == f"--name={name}"
    assert Path(path) == Path(name)
    assert path.startswith("./")
    assert inner == f"runs/{name}"
