"""Command `scripts/compare.py`: errors, Ctrl-C and exit status."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ddpg.cli.compare import main, make_parser, read_plan
from tests.cli.test_scripts import run_printed
from tests.comparison.running.test_runner import metrics

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--stops", "detatch"], "stop: 'detatch' is not allowed, did you mean 'detach'?"),
        (["--stops", "none,none"], "axes.stop: 'none' appears twice"),
        (["--stops", "chain_rule"], "stop: 'chain_rule' is not allowed upstream"),
        (["--actor-stops", "no_grad"], "leaves the backward pass nothing to differentiate"),
        (["--envs", "Pendulun-v1"], "Did you mean: `Pendulum`"),
        (["--envs", "["], "cannot read envs='[' as YAML"),
        (
            ["--bootstrap-actors", "both"],
            "bootstrap_actor: 'both' is not allowed; allowed: target or live",
        ),
        (["--members", "0"], "members: 0 is not allowed; allowed: a whole number ≥ 1"),
        (["--steps", "many"], "steps: 'many' is not allowed; allowed: a whole number ≥ 1"),
        (["--workers", "0"], "workers: 0 is not allowed; allowed: a whole number ≥ 1"),
        (["--axis", "gama=1,2"], "axes: there is no setting 'gama', did you mean 'gamma'?"),
        (["--axis", "gamma"], "axis: 'gamma' is not allowed; allowed: NAME=VALUE"),
        (["--set", "gama=1"], "settings: there is no setting 'gama', did you mean 'gamma'?"),
        (["--name", "a/b"], "name: 'a/b' is not allowed; allowed: the name of one folder"),
        (["--config", "none.yaml"], "none.yaml"),
        (["--config", "module.yaml"], "'tests.x:Y-v0' imports a module"),
        (["--report-only", "none"], "'none': the folder does not exist"),
        (["--ray-address", "nowhere"], "cannot connect to ray_address 'nowhere': "),
    ],
)
def test_a_wrong_command_line_gets_one_sentence_and_writes_nothing(
    tmp_path, monkeypatch, capsys, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "module.yaml").write_text("axes: {env: ['tests.x:Y-v0']}")
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.startswith("compare.py: error: ")
    assert sentence in errors
    assert len(errors.splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["module.yaml"]


def test_axes_and_settings_have_the_numbers_of_a_yaml_file():
    words = ["--axis", "critic_learning_rate=1e-3,1e-4", "--axis", "hidden=[1e1],[8, 1e1]"]
    words += ["--set", "tau=5e-1", "--steps", "1e4", "--stops", "none"]
    plan = read_plan(make_parser().parse_args(words))
    assert plan.axes["critic_learning_rate"] == [0.001, 0.0001]
    configs = [task.config for task in plan.tasks() if "stop" in task.values]
    assert {config.hidden for config in configs} == {(10,), (8, 10)}
    assert {(config.steps, config.tau) for config in configs} == {(10_000, 0.5)}


@pytest.mark.slow
def test_ctrl_c_stops_every_worker_and_the_same_command_continues(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), "--stops", "none,detach"]
    command += ["--bootstrap-actors", "target"]
    command += ["--members", "2", "--steps", "1500", "--set", "hidden=[8]", "--set", "log_every=20"]
    command += ["--set", "evaluation_every=500", "--set", "random_steps=50", "--workers", "2"]
    command += ["--name", "small", "--runs", str(tmp_path)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    begun = [tmp_path / "small" / f"stop={stop}" / "metrics.csv" for stop in ("none", "detach")]
    deadline = time.monotonic() + 300
    while not all(file.exists() and file.read_text().count("\n") > 5 for file in begun):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "run the same command to continue" in output
    before = [file.read_bytes() for file in begun]
    assert all(len(text.splitlines()) < 2 * 75 for text in before)
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "100"},
    )
    assert ended.returncode == 0, ended.stderr
    assert "runs 2/2" in ended.stderr
    for file, text in zip(begun, before, strict=True):
        assert file.read_bytes().startswith(text)
        assert metrics(tmp_path, file.parent.name).splitlines()[-1].startswith(b"1500,")
    summary = tmp_path / "small" / "summary"
    assert re.search(rf"Curves per variant: \S*tensorboard --logdir {summary}\n", ended.stdout)
    assert list(summary.rglob("events.*"))
    for label, place in (("per member", "stop=none/seed-0"), ("per variant", "summary")):
        shown = run_printed(ended.stdout, f"Curves {label}: ", "--inspect", cwd=tmp_path)
        assert place in shown.stdout
    assert f"Report: {tmp_path / 'small' / 'report.html'}" in ended.stdout
    assert (tmp_path / "small" / "report.html").stat().st_size > 10_000
