"""A comparison deletes and replaces only what it wrote, and one process runs it."""

from pathlib import Path

import pytest

from ddpg.comparison.folder import ComparisonFolder
from ddpg.comparison.plan import Plan, Task
from ddpg.comparison.report.page import write_report
from ddpg.comparison.running.runner import run
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.folder import RunFolder
from ddpg.runs.lock import locked

SMALL = {"steps": 60, "hidden": [8], "random_steps": 20, "evaluation_episodes": 1}


@pytest.fixture
def folder(tmp_path: Path) -> ComparisonFolder:
    plan = Plan(runs=str(tmp_path), name="small", settings=SMALL, axes={"stop": ["none"]})
    folder = ComparisonFolder(plan)
    folder.open()
    return folder


def task_run(folder: ComparisonFolder) -> tuple[Task, RunFolder]:
    (task,) = folder.plan.tasks()
    return task, RunFolder.create(task.config)


def test_a_run_that_never_began_is_deleted(folder: ComparisonFolder):
    task, run_folder = task_run(folder)
    run_folder.metrics_file.write_text("step,member\n")
    (run_folder.checkpoints).mkdir()
    (run_folder.checkpoints / ".unfinished-state-000000000000.pt").touch()
    folder.prepare(task)
    assert not run_folder.path.exists()


@pytest.mark.parametrize("kept", ["notes.txt", "checkpoints/best.pt", "metrics.csv"])
def test_a_folder_with_other_files_or_rows_is_kept(folder: ComparisonFolder, kept: str):
    task, run_folder = task_run(folder)
    path = run_folder.path / kept
    path.parent.mkdir(exist_ok=True)
    path.write_text("step,member\n1,0\n")
    folder.prepare(task)
    assert path.read_text() == "step,member\n1,0\n"


def test_a_second_process_is_refused_before_it_trains(folder: ComparisonFolder):
    with locked(folder.path), pytest.raises(ConfigError, match="is writing into it"):
        run(folder.plan)
    assert not (folder.path / "stop=none").exists()


@pytest.mark.parametrize("name", ["summary", "pictures"])
def test_a_report_replaces_no_folder_of_another_kind(tmp_path: Path, name: str):
    mine = tmp_path / name / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    RunFolder.create(Config(runs=str(tmp_path), name="a"))
    with pytest.raises(ConfigError, match=f"it would replace .*{name}, which no report wrote"):
        write_report(tmp_path)
    assert mine.read_text() == "mine"
