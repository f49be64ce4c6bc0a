"""Comparisons with real worker processes: stored runs, failures and continuation."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ddpg.comparison.folder import ComparisonFolder
from ddpg.comparison.plan import Plan
from ddpg.comparison.running.runner import ComparisonProgress, ComparisonResult, run
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.lock import LOCK_FILE
from ddpg.training.loop import train
from tests.comparison.running import failing

SMALL: dict[str, Any] = {
    "members": 2,
    "steps": 60,
    "hidden": [8],
    "random_steps": 20,
    "log_every": 10,
    "evaluation_every": 20,
    "evaluation_episodes": 1,
    "checkpoint_every": 20,
}
SOUND = f"{failing.MODULE}:Sound-v0"


def failing_variant(how: str, at: int = 25, marker: str = "") -> dict[str, Any]:
    return {
        "label": how,
        "env": f"{failing.MODULE}:Failing-v0",
        "env_options": {"how": how, "at": at, "marker": marker},
    }


def plan(folder: Path, **content: Any) -> Plan:
    settings = {**SMALL, **content.pop("settings", {})}
    return Plan(runs=str(folder), name="small", settings=settings, **content)


def changes(folder: Path) -> dict[Path, int]:
    """Return the time of the last change of everything but the lock."""
    files = (file for file in folder.rglob("*") if file.name != LOCK_FILE)
    return {file: file.stat().st_mtime_ns for file in files}


def metrics(folder: Path, name: str) -> bytes:
    return (folder / "small" / name / "metrics.csv").read_bytes()


@pytest.mark.slow
def test_runs_equal_training_alone_and_are_not_repeated(tmp_path):
    small = plan(tmp_path, axes={"stop": ["none", "detach"]})
    reports: list[ComparisonProgress] = []
    result = run(small, reports.append, workers=2)
    assert result == ComparisonResult(tmp_path / "small", {}, True, 0)
    stored = yaml.safe_load((result.folder / "comparison.yaml").read_text())
    assert [task["name"] for task in stored["tasks"]] == ["stop=none", "stop=detach"]
    for stop in ("none", "detach"):
        # One worker may run both tasks; the first must not affect the second.
        alone = train(Config(runs=str(tmp_path), name=f"alone-{stop}", stop=stop, **SMALL))
        assert metrics(tmp_path, f"stop={stop}") == (alone.folder / "metrics.csv").read_bytes()
    assert metrics(tmp_path, "stop=none") != metrics(tmp_path, "stop=detach")
    assert (reports[0].agent_steps, reports[0].ended) == (0, 0)
    assert reports[-1] == ComparisonProgress(240, 240, 2, 2, 0)
    before = changes(result.folder)
    assert run(small, reports.append, workers=2) == result
    assert reports[-1] == ComparisonProgress(240, 240, 2, 2, 0)
    assert changes(result.folder) == before


@pytest.mark.slow
def test_a_task_is_retried_once_then_reported_and_others_continue(tmp_path):
    variants = [
        failing_variant("kill", marker=str(tmp_path / "died")),
        failing_variant("raise"),
        failing_variant("full", at=5),
        {"label": "diverges", "env": f"{failing.MODULE}:Diverging-v0"},
        {"label": "sound", "env": SOUND},
    ]
    unreliable = plan(tmp_path, variants=variants)
    result = run(unreliable, workers=2)
    assert result.finished
    assert set(result.failed) == {"raise", "full", "diverges"}
    assert "RuntimeError: the motor burnt" in result.failed["raise"]
    assert "rror: " in result.failed["full"]
    assert result.failed["diverges"].startswith(
        "DivergenceError: loss/critic of member 0 (seed 0) is"
    )
    for name, error in result.failed.items():
        assert (result.folder / name / "error.txt").read_text() == error + "\n"
    assert (tmp_path / "died").exists()
    for name in ("kill", "sound"):
        steps = [int(line.split(b",")[0]) for line in metrics(tmp_path, name).splitlines()[1:]]
        assert steps == sorted(steps)
        assert steps[-1] == 60
    diverged_metrics = metrics(tmp_path, "diverges")
    again = run(unreliable, workers=1)
    # Failed tasks are retried, since the machine may work again, but not diverged ones. "raise"
    # fails after 25 steps and resumes from its second checkpoint, so it finishes.
    assert set(again.failed) == {"full", "diverges"}
    assert not (result.folder / "raise" / "error.txt").exists()
    assert metrics(tmp_path, "diverges") == diverged_metrics


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"axes": {"env": ["CartPole-v1"]}}, "allowed: a one-dimensional Box"),
        ({"axes": {"env": ["Pendulun-v1"]}}, "Did you mean: `Pendulum`"),
        (
            {"settings": {"device": "gpu"}},
            "device: 'gpu' is not allowed; allowed on",
        ),
    ],
)
def test_a_plan_that_cannot_run_writes_nothing(tmp_path, change, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("`", ".")):
        run(plan(tmp_path, **change), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_another_plan_never_changes_a_comparison(tmp_path):
    (tmp_path / "small").mkdir()
    with pytest.raises(ConfigError, match="exists and is not a comparison; allowed: a new name"):
        run(plan(tmp_path))
    assert list((tmp_path / "small").iterdir()) == []
    (tmp_path / "small").rmdir()
    ComparisonFolder(plan(tmp_path, axes={"stop": ["none"]})).open()
    before = (tmp_path / "small" / "comparison.yaml").read_text()
    for change, sentence in (
        (
            {"axes": {"stop": ["none", "detach"]}},
            r"axes.stop is \['none'\] there and \['none', 'd",
        ),
        (
            {"axes": {"stop": ["none"]}, "settings": {"steps": 70}},
            "settings.steps is 60 there and 70 here",
        ),
    ):
        with pytest.raises(ConfigError, match=sentence):
            run(plan(tmp_path, **change))
    assert (tmp_path / "small" / "comparison.yaml").read_text() == before
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot create a folder in runs="):
        run(plan(tmp_path / "file"))


@pytest.mark.parametrize("label", ["2024-01-01", "=", "<<", "yes", "1e4"])
def test_the_same_plan_is_recognised_whatever_yaml_makes_of_its_labels(tmp_path, label):
    folder = ComparisonFolder(plan(tmp_path, variants=[{"label": label}]))
    folder.open()
    folder.open()
