"""Training, scores, audit and comparison without the names that macOS and Windows lack."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.folder import RunFolder

_MISSING = """
import multiprocessing, os, sys
for name in ("sched_getaffinity", "sched_setaffinity", "fork", "forkpty", "getpgid", "getuid"):
    delattr(os, name)
sys.modules["resource"] = sys.modules["pwd"] = None
multiprocessing.set_start_method("spawn")
"""
"""Executed by Python when it starts, in worker processes too."""
_COMMANDS = """
import runpy, sys
small = ["--runs", ".", "--steps", "60", "--random_steps", "20", "--hidden", "[8]"]
small += ["--evaluation_every", "30", "--evaluation_episodes", "1", "--separation_every", "10"]
compared = ["--stops", "detach", "--bootstrap-actors", "target"]
compared += ["--set", "random_steps=20", "--set", "evaluation_every=30", "--set", "hidden=[8]"]
for script, arguments in (
    ("train", [*small, "--name", "mine"]),
    ("train", [*small, "--name", "workers", "--environment_timeout", "60", "--env", "Pendulum-v1"]),
    ("evaluate", ["mine", "--episodes", "2"]),
    ("audit", ["mine"]),
    ("compare", ["--runs", ".", "--name", "both", "--members", "1", "--steps", "60", *compared]),
):
    sys.argv = [f"{script}.py", *arguments]
    try:
        runpy.run_module(f"ddpg.cli.{script}").get("main")(arguments)
    except SystemExit as ended:
        assert not ended.code, (script, ended.code)
"""


@pytest.mark.slow
def test_everything_runs_without_the_names_of_linux(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_MISSING, encoding="utf-8")
    (tmp_path / "commands.py").write_text(
        "if __name__ == '__main__':\n" + _COMMANDS.replace("\n", "\n    "), encoding="utf-8"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1])])
    ended = subprocess.run(
        [sys.executable, "commands.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    for run in ("mine", "workers", "both/*"):
        assert [*tmp_path.glob(f"{run}/checkpoints/manifest-000000000060.json")], run


@pytest.mark.parametrize(
    "name", ["a:b", "a*", "why?", "a<b", 'a"b', "a|b", "a.", "a ", "CON", "nul.txt", "Com1"]
)
def test_a_name_that_windows_refuses_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^name: .* allowed: a name without < > : "):
        RunFolder.create(Config(runs=str(tmp_path), name=name))
    assert not [*tmp_path.iterdir()]


def test_a_default_name_is_one_that_windows_allows(tmp_path: Path) -> None:
    config = Config(runs=str(tmp_path), env=lambda: None, stop="manual", manual_scale=0.5)
    name = RunFolder.create(config).path.name
    assert "_lambda_" in name
    assert not set(name) & set('<>:"|?*/\\')


def test_a_run_that_has_such_a_name_is_still_read(tmp_path: Path) -> None:
    folder = tmp_path / "a:b"
    folder.mkdir()
    config = Config(runs=str(tmp_path), name="a:b")
    (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert RunFolder(folder).load_config().name == "a:b"
