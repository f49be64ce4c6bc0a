"""Comparisons with real worker processes: what is stored, what fails, what is gone on with."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ddpg.comparison.folder import ComparisonFolder
from ddpg.comparison.plan import Plan
from ddpg.comparison.running.schedule import Result, Status, run
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
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
    return Plan(runs=str(folder), name="mine", settings=settings, **content)


def metrics(folder: Path, name: str) -> bytes:
    return (folder / "mine" / name / "metrics.csv").read_bytes()


@pytest.mark.slow
def test_runs_are_stored_as_training_alone_stores_them_and_never_run_again(tmp_path):
    mine = plan(tmp_path, axes={"stop": ["none", "detach"]})
    told: list[Status] = []
    result = run(mine, told.append, workers=2)
    assert result == Result(tmp_path / "mine", {}, True, 0)
    stored = yaml.safe_load((result.folder / "comparison.yaml").read_text())
    assert [task["name"] for task in stored["tasks"]] == ["stop=none", "stop=detach"]
    for stop in ("none", "detach"):
        # One worker may have run both: what it ran before must not show.
        alone = train(Config(runs=str(tmp_path), name=f"alone-{stop}", stop=stop, **SMALL))
        assert metrics(tmp_path, f"stop={stop}") == (alone.folder / "metrics.csv").read_bytes()
    assert metrics(tmp_path, "stop=none") != metrics(tmp_path, "stop=detach")
    assert (told[0].agent_steps, told[0].ended) == (0, 0)
    assert told[-1] == Status(240, 240, 2, 2, 0)
    before = {file: file.stat().st_mtime_ns for file in result.folder.rglob("*")}
    assert run(mine, told.append, workers=2) == result
    assert told[-1] == Status(240, 240, 2, 2, 0)
    assert {file: file.stat().st_mtime_ns for file in result.folder.rglob("*")} == before


@pytest.mark.slow
def test_what_fails_once_goes_on_what_fails_twice_is_reported_and_the_rest_is_kept(tmp_path):
    variants = [
        failing_variant("kill", marker=str(tmp_path / "died")),
        failing_variant("raise"),
        failing_variant("full", at=5),
        {"label": "diverges", "env": f"{failing.MODULE}:Diverging-v0"},
        {"label": "sound", "env": SOUND},
    ]
    mine = plan(tmp_path, variants=variants)
    result = run(mine, workers=2)
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
    kept = metrics(tmp_path, "diverges")
    again = run(mine, workers=1)
    # What failed is tried again, since the machine may be mended, but not what diverged. The motor
    # burns after 25 steps, and two checkpoints had been written before.
    assert set(again.failed) == {"full", "diverges"}
    assert not (result.folder / "raise" / "error.txt").exists()
    assert metrics(tmp_path, "diverges") == kept


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"axes": {"env": ["CartPole-v1"]}}, "allowed: a one-dimensional Box"),
        ({"axes": {"env": ["Pendulun-v1"]}}, "Did you mean: `Pendulum`"),
        ({"settings": {"device": "gpu"}}, "device is 'gpu'; allowed here: auto, cpu"),
    ],
)
def test_what_cannot_run_writes_nothing(tmp_path, change, sentence):
    with pytest.raises(ConfigError, match=sentence.replace("`", ".")):
        run(plan(tmp_path, **change), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_another_plan_never_touches_a_comparison(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError, match="exists and is no comparison; allowed: a new name"):
        run(plan(tmp_path))
    assert list((tmp_path / "mine").iterdir()) == []
    (tmp_path / "mine").rmdir()
    ComparisonFolder(plan(tmp_path, axes={"stop": ["none"]})).open()
    before = (tmp_path / "mine" / "comparison.yaml").read_text()
    for change, sentence in (
        (
            {"axes": {"stop": ["none", "detach"]}},
            r"axes.stop is \['none'\] there, and \['none', 'd",
        ),
        (
            {"axes": {"stop": ["none"]}, "settings": {"steps": 70}},
            "settings.steps is 60 there, and 70 here",
        ),
    ):
        with pytest.raises(ConfigError, match=sentence):
            run(plan(tmp_path, **change))
    assert (tmp_path / "mine" / "comparison.yaml").read_text() == before
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="where no folder can be made"):
        run(plan(tmp_path / "file"))
