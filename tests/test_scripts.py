"""The scripts as a user runs them: real processes, exit statuses, one sentence for an error."""

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

SCRIPTS = Path(__file__).parent.parent / "scripts"
SMALL = ["--hidden", "[16,16]", "--random_steps", "20", "--log_every", "10"]


def script(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.slow
def test_train_then_evaluate_then_resume(tmp_path):
    trained = script("train.py", "--stop", "detach", "--steps", 60, *SMALL, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    run = tmp_path / "runs" / "Pendulum-v1-detach-0"
    assert sorted(path.name for path in run.iterdir()) == [
        "checkpoints",
        "config.yaml",
        "metrics.csv",
        "seed-0",
        "weights.csv",
    ]
    assert "tensorboard --logdir runs/Pendulum-v1-detach-0" in trained.stdout
    assert f"{SCRIPTS / 'evaluate.py'} runs/Pendulum-v1-detach-0" in trained.stdout
    scored = script(
        "evaluate.py",
        *(run, "--episodes", 2, "--json", "score.json", "--video", "it.gif"),
        cwd=tmp_path,
    )
    assert scored.returncode == 0, scored.stderr
    assert json.loads((tmp_path / "score.json").read_text())["run"] == run.name
    assert (tmp_path / "it.gif").read_bytes().startswith(b"GIF89a")
    resumed = script("train.py", "--resume", "--name", run.name, "--steps", 80, cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    stored = yaml.safe_load((run / "config.yaml").read_text())
    assert (stored["stop"], stored["steps"], stored["resume"]) == ("detach", 80, False)
    assert "after 80 steps" in resumed.stdout


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, str(SCRIPTS / "train.py"), "--name", "my run"]
    never = ["--random_steps", "1000000", "--evaluation_every", "0"]
    begun = script("train.py", "--name", "my run", "--steps", 30, *SMALL, *never, cwd=tmp_path)
    assert begun.returncode == 0, begun.stderr
    process = subprocess.Popen(
        [*command, "--resume", "--steps", "1000000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = tmp_path / "runs" / "my run" / "metrics.csv"
    deadline = time.monotonic() + 60
    while len(metrics.read_text().splitlines()) <= 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert len(output.splitlines()) == 1
    # To the length that was asked for last, which config.yaml of the first start does not tell.
    assert shlex.split(output.partition("Go on with: ")[2]) == [
        *("python", str(SCRIPTS / "train.py"), "--resume"),
        *("--runs", "runs", "--name", "my run", "--steps", "1000000"),
    ]
    assert len(list((tmp_path / "runs" / "my run" / "checkpoints").glob("manifest-*.json"))) == 2


@pytest.mark.slow
def test_a_stop_that_cannot_train_is_warned_of_once_in_one_line(tmp_path):
    arguments = ["--actor_stop", "detach", "--steps", 40, *SMALL, "--evaluation_every", 0]
    result = script("train.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    warned = [line for line in result.stderr.splitlines() if "cannot train" in line]
    assert len(warned) == 1
    assert warned[0].startswith("train.py: warning: stop 'detach' cannot train downstream")
    assert "StopWarning" not in result.stderr
    assert "40/40" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--gamma", "1.5"], "gamma is 1.5; allowed: a number ≥ 0 and ≤ 1"),
        (["--gamma", "high"], "gamma is 'high'; allowed: a number"),
        (["--gamma", "["], "gamma is '['; allowed: a number"),
        (["--gama", "1"], "there is no setting 'gama', did you mean 'gamma'?"),
        (["--noise", "pink"], "noise is 'pink'; allowed: gaussian or"),
        (["--stop", "detatch"], "did you mean 'detach'?"),
        (["--actor_stop", "no_grad"], "nothing to differentiate"),
        (["--env", "CartPole-v1"], "allowed: a one-dimensional Box of floats"),
        (["--env", "Pendulun-v1"], "Did you mean: `Pendulum`"),
        (["--device", "gpu"], "device is 'gpu'; allowed here: auto, cpu"),
        (["--resume"], "resume is true without a name"),
        (["--resume", "--name", "none"], "is no run"),
        (["--config", "none.yaml"], "none.yaml"),
        (["--config", "unknown.yaml"], "there is no setting 'gama'"),
        (["--config", "broken.yaml"], "config is no YAML file: while parsing"),
        (["--config", "empty.yaml"], "config holds no settings"),
        (["--runs", "unknown.yaml"], "where no folder can be made"),
    ],
)
def test_a_wrong_command_line_gets_one_sentence_and_writes_nothing(tmp_path, arguments, sentence):
    (tmp_path / "unknown.yaml").write_text("gama: 0.9\n")
    (tmp_path / "broken.yaml").write_text("a: [\n")
    (tmp_path / "empty.yaml").write_text("")
    before = sorted(tmp_path.iterdir())
    result = script("train.py", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("train.py: error: ")
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_evaluate_refuses_in_one_sentence(tmp_path):
    for arguments, sentence in (
        (["none"], "none is no run"),
        (["none", "--video", "it.avi", "--json", "it.json"], "video is 'it.avi'; allowed: a name"),
        (["none", "--episodes", "few"], "episodes"),
        ([], "run"),
    ):
        result = script("evaluate.py", *arguments, cwd=tmp_path)
        assert result.returncode == 2
        assert sentence in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_help_and_the_printed_config(tmp_path):
    shown = script("train.py", "--help", cwd=tmp_path).stdout
    for words in ("--gamma GAMMA", "allowed: a number ≥ 0 and ≤ 1", "in half-ranges of the action"):
        assert words in " ".join(shown.split())
    printed = script("train.py", "--tau", "0.5", "--print_config", cwd=tmp_path).stdout
    assert yaml.safe_load(printed)["tau"] == 0.5
    (tmp_path / "again.yaml").write_text(printed)
    again = script("train.py", "--config", "again.yaml", "--print_config", cwd=tmp_path).stdout
    assert yaml.safe_load(again) == yaml.safe_load(printed)
