"""A run stays where it was found, one process writes into it, and other files are left alone."""

import dataclasses
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ddpg.cli.parser import parse_config
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, ConfigError, StorageError
from ddpg.evaluation.scores import evaluate
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.lock import FolderLock
from ddpg.training.loop import train

SMALL: dict[str, Any] = {
    **{"hidden": (8,), "random_steps": 20, "log_every": 15, "evaluation_every": 25, "steps": 40},
    **{"checkpoint_every": 20, "evaluation_episodes": 1, "tensorboard": False, "name": "a"},
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(Config(**SMALL, runs=str(tmp_path_factory.mktemp("runs")))).folder


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "a"))


def resume(run: Path, steps: int = 60) -> Path:
    command = [f"--runs={run.parent}", f"--name={run.name}", "--resume", f"--steps={steps}"]
    return train(parse_config(command)).folder


def test_a_copy_is_resumed_and_the_original_stays(original: Path, run: Path):
    assert resume(run) == run
    assert Checkpoints(run / "checkpoints").latest_step() == 60
    assert Checkpoints(original / "checkpoints").latest_step() == 40
    stored = Config.load(run / "config.yaml")
    assert stored.runs == str(run.parent)


def test_a_renamed_folder_is_resumed_under_its_new_name(run: Path):
    renamed = run.rename(run.with_name("b"))
    assert resume(renamed) == renamed
    assert Config.load(renamed / "config.yaml").name == "b"
    assert not run.exists()


def test_a_run_that_is_being_written_is_refused_and_unchanged(run: Path):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    lock = FolderLock(run)
    with pytest.raises(ConfigError, match=r"cannot write into .*/a: process \d+ on"):
        resume(run)
    lock.release()
    assert {path: path.read_bytes() for path in before} == before
    resume(run)


def test_a_failed_resumption_releases_the_run(run: Path):
    with (run / "metrics.csv").open("a") as file:
        file.write("1,2\n")
    with pytest.raises(ConfigError, match=r"metrics\.csv"):
        resume(run)
    FolderLock(run).release()


STRAY = [
    "checkpoints/best.pt",
    "checkpoints/manifest-x.json",
    "checkpoints/manifest-000000000040 (conflicted copy).json",
    "checkpoints/state-000000000040.pt.bak",
    "events.out.tfevents.bak",
    "notes.unfinished",
]


def test_files_of_the_user_are_kept(run: Path):
    for name in STRAY:
        (run / name).write_text("mine")
    resume(run)
    assert evaluate(run, episodes=1).step == 60
    assert {name: (run / name).read_text() for name in STRAY} == dict.fromkeys(STRAY, "mine")


def linked(name: str) -> Callable[[Path, Path], None]:
    def link(run: Path, outside: Path) -> None:
        path = run / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(outside / "best.pt" if path.suffix else outside)

    return link


LINKS = ["checkpoints", "weights.csv", "metrics.csv", "error.txt", ".unfinished-config.yaml"]


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("act", [resume, lambda run: evaluate(run, episodes=1)])
def test_links_of_a_run_folder_are_refused(run: Path, tmp_path: Path, name: str, act: Any):
    outside = tmp_path / "models"
    outside.mkdir()
    (outside / "best.pt").write_text("precious")
    linked(name)(run, outside)
    with pytest.raises(ConfigError, match="is a link; allowed: files and folders"):
        act(run)
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"best.pt": "precious"}


def pipe(path: Path) -> None:
    os.mkfifo(path)


def full_folder(path: Path) -> None:
    path.mkdir()
    (path / "mine").touch()


ODD_FILES = [
    ("metrics.csv", "it is not a regular file"),
    ("weights.csv", "it is not a regular file"),
    ("config.yaml", "not a run folder: it has no config.yaml"),
    ("checkpoints/state-000000000040.pt", "not a regular file"),
    ("checkpoints/manifest-000000000040.json", "not a regular file"),
    ("checkpoints/replay-000000000020-000000000040.pt", "not a regular file"),
    (".lock", "cannot write .*lock: "),
]


@pytest.fixture
def limited_time() -> Iterator[None]:
    """Raise a TimeoutError in a test that waits for a pipe."""

    def fail(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("limited_time")
@pytest.mark.parametrize(("name", "sentence"), ODD_FILES)
@pytest.mark.parametrize("kind", [pipe, full_folder])
def test_a_pipe_or_a_folder_in_place_of_a_file_is_refused(
    run: Path, name: str, sentence: str, kind: Callable[[Path], None]
):
    (run / name).unlink()
    kind(run / name)
    with pytest.raises((ConfigError, CheckpointError, StorageError), match=f"{sentence}|directory"):
        resume(run)
    assert (run / name).is_dir() == (kind is full_folder)


@pytest.mark.usefixtures("limited_time")
@pytest.mark.parametrize("kind", [pipe, full_folder])
@pytest.mark.parametrize("name", ["stray", "checkpoints/best.pt", "seed-0", "error.txt"])
def test_a_pipe_or_a_folder_beside_the_files_is_kept(
    run: Path, name: str, kind: Callable[[Path], None]
):
    kind(run / name)
    resume(run)
    assert (run / name).is_dir() == (kind is full_folder)


def test_a_link_to_a_run_folder_is_followed(run: Path, tmp_path: Path):
    (tmp_path / "latest").symlink_to(run)
    assert evaluate(tmp_path / "latest", episodes=1).step == 40
    config = dataclasses.replace(Config.load(run / "config.yaml"), runs=str(tmp_path), resume=True)
    assert train(dataclasses.replace(config, name="latest", steps=50)).step == 50
