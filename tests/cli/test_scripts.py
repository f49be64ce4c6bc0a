"""The scripts as a user runs them: processes, exit statuses, one sentence per error."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

SCRIPTS = Path(__file__).parents[2] / "scripts"
SMALL = ["--hidden", "[16,16]", "--random_steps", "20", "--log_every", "10"]


def script(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )


def run_printed(text: str, label: str, *more: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command behind `label` in `text` as a shell without an activated environment does."""
    command = next(line.partition(label)[2] for line in text.splitlines() if label in line)
    ended = subprocess.run(
        ["bash", "-c", shlex.join([*shlex.split(command), *more])],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": "/usr/bin:/bin", "COLUMNS": "120"},
    )
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.mark.slow
def test_train_then_evaluate_then_resume(tmp_path):
    trained = script("train.py", "--stop", "detach", "--steps", 60, *SMALL, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "runs" / "Pendulum-v1-detach-0"
    assert sorted(path.name for path in run.iterdir()) == [
        ".lock",
        "checkpoints",
        "config.yaml",
        "metrics.csv",
        "seed-0",
        "weights.csv",
    ]
    # `--inspect` prints what the server would show, and exits.
    curves = run_printed(trained.stdout, "Curves: ", "--inspect", cwd=tmp_path)
    assert "Event statistics for runs/Pendulum-v1-detach-0/seed-0" in curves.stdout
    assert "http://localhost:6006/?tagFilter=return%7Cseparation\n" in trained.stdout
    files = ["--json", "score.json", "--video", "it.gif"]
    scored = run_printed(trained.stdout, "Score: ", "--episodes", "2", *files, cwd=tmp_path)
    assert "Pendulum-v1 after 60 steps" in scored.stdout
    assert json.loads((tmp_path / "score.json").read_text())["run"] == run.name
    assert (tmp_path / "it.gif").read_bytes().startswith(b"GIF89a")
    resumed = script("train.py", "--resume", "--name", run.name, "--steps", 80, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    stored = yaml.safe_load((run / "config.yaml").read_text())
    assert (stored["stop"], stored["steps"], stored["resume"]) == ("detach", 80, False)
    assert "after 80 steps" in resumed.stdout


@pytest.mark.slow
def test_ctrl_c_saves_and_prints_the_command_that_continues(tmp_path):
    command = [sys.executable, str(SCRIPTS / "train.py"), "--name=-my run"]
    never = ["--random_steps", "1000000", "--evaluation_every", "0"]
    begun = script("train.py", "--name=-my run", "--steps", 30, *SMALL, *never, cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    process = subprocess.Popen(
        [*command, "--resume", "--steps", "1000000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "runs" / "-my run" / "metrics.csv"
    deadline = time.monotonic() + 60
    while len(metrics.read_text().splitlines()) <= 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert len(output.splitlines()) == 1
    # Up to the steps of the second start. `config.yaml` of the first start has 30.
    _, *words = shlex.split(output.partition("Continue with: ")[2])
    last = ["--resume", "--runs", "runs", "--name=-my run", "--steps", "1000000"]
    assert words == [str(SCRIPTS / "train.py"), *last]
    assert len(list((tmp_path / "runs" / "-my run" / "checkpoints").glob("manifest-*.json"))) == 2
    reached = int(output.partition("at step ")[2].partition(".")[0].replace(",", ""))
    ended = run_printed(output, "Continue with: ", "--steps", str(reached + 20), cwd=tmp_path)
    assert f"after {reached + 20:,} steps" in ended.stdout


@pytest.mark.slow
def test_a_stop_that_cannot_train_gets_one_warning_in_one_line(tmp_path):
    arguments = ["--actor_stop", "detach", "--steps", 40, *SMALL, "--evaluation_every", 0]
    result = script("train.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    warned = [line for line in result.stderr.splitlines() if "cannot train" in line]
    assert len(warned) == 1
    assert warned[0].startswith("train.py: warning: stop 'detach' cannot train downstream")
    assert "StopWarning" not in result.stderr
    assert "40/40" in result.stderr


@pytest.mark.slow
def test_help_and_the_printed_config(tmp_path):
    shown = script("train.py", "--help", cwd=tmp_path).stdout
    for words in (
        "--gamma X",
        "allowed: a number ≥ 0 and ≤ 1",
        "unit: half-ranges of the action",
    ):
        assert words in " ".join(shown.split())
    printed = script("train.py", "--tau", "0.5", "--print_config", cwd=tmp_path).stdout
    assert yaml.safe_load(printed)["tau"] == 0.5
    (tmp_path / "again.yaml").write_text(printed)
    again = script("train.py", "--config", "again.yaml", "--print_config", cwd=tmp_path).stdout
    assert yaml.safe_load(again) == yaml.safe_load(printed)
