"""A damaged checkpoint is named, and the command that loads the previous one is printed."""

import dataclasses
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, DamagedCheckpointError
from ddpg.training.loop import train
from tests.faults.processes import differences, start_script

SMALL: dict[str, Any] = {
    "hidden": (16, 16),
    "random_steps": 20,
    "log_every": 15,
    "evaluation_every": 25,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of 70 steps with checkpoints at steps 60 and 70."""
    config = Config(
        **{"runs": str(tmp_path_factory.mktemp("runs")), "name": "mine", "steps": 70, **SMALL},
        members=2,
        checkpoint_every=30,
        evaluation_episodes=1,
    )
    return train(config).folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "mine"))


def resumed(run: Path, **settings: Any) -> Config:
    stored = Config.load(run / "config.yaml")
    return dataclasses.replace(stored, runs=str(run.parent), resume=True, **settings)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, Path.unlink])
@pytest.mark.parametrize(
    "file",
    [
        "manifest-000000000070.json",
        "state-000000000070.pt",
        "replay-000000000060-000000000070.pt",
    ],
)
def test_the_checkpoint_before_a_damaged_one_leads_to_the_same_end(
    whole: Path, copy: Path, damage: Callable[[Path], None], file: str
) -> None:
    damage(copy / "checkpoints" / file)
    if (damage, file) != (Path.unlink, "manifest-000000000070.json"):
        with pytest.raises(DamagedCheckpointError, match=file) as error:
            train(resumed(copy))
        assert error.value.before == 60
    # Without its manifest a checkpoint does not exist, and the one before is the newest.
    which = (
        "previous" if (copy / "checkpoints" / "manifest-000000000070.json").exists() else "newest"
    )
    train(resumed(copy, resume_from=which))
    assert differences(whole, copy) == []


@pytest.mark.slow
def test_the_sentence_has_the_command_that_continues(whole: Path, copy: Path) -> None:
    flip_a_bit(copy / "checkpoints" / "state-000000000070.pt")
    arguments = ["--resume", "--runs", str(copy.parent), "--name", "mine"]
    output = copy.parent / "output.txt"
    process = start_script(arguments, output)
    process.join(120)
    text = output.read_text()
    assert process.exitcode == 2
    assert len(text.splitlines()) == 1
    assert "it is damaged (its SHA-256 differs from the manifest's)" in text
    command = text.partition("of step 60. Continue from it with: ")[2]
    process = start_script(shlex.split(command)[2:], output)
    process.join(120)
    assert process.exitcode == 0, output.read_text()
    assert differences(whole, copy) == []


def test_two_damaged_checkpoints_end_in_an_error(copy: Path) -> None:
    for file in (copy / "checkpoints").glob("state-*.pt"):
        flip_a_bit(file)
    with pytest.raises(DamagedCheckpointError, match="000060") as error:
        train(resumed(copy, resume_from="previous"))
    assert error.value.before is None


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("format", 1, "its format is 1; allowed: 2"),
        ("format", 3, "its format is 3; allowed: 2"),
        ("added", 71, "its content does not have its SHA-256"),
        ("pieces", "none", "not a complete manifest"),
    ],
)
def test_a_manifest_of_another_version_or_edited_by_hand(
    copy: Path, key: str, value: object, sentence: str
) -> None:
    manifest = copy / "checkpoints" / "manifest-000000000070.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), key: value}))
    with pytest.raises(CheckpointError, match=sentence):
        train(resumed(copy))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"env": "MountainCarContinuous-v0"}, "its env is 'Pendulum-v1'; allowed: 'Mount"),
        ({"hidden": (8, 8)}, r"its hidden is \[16, 16\]; allowed: \[8, 8\]"),
        ({"members": 3}, "its members is 2; allowed: 3"),
        ({"env_options": {"g": 9.81}}, "its env_options is {}"),
    ],
)
def test_a_checkpoint_of_another_environment_or_architecture(
    copy: Path, settings: dict[str, Any], sentence: str
) -> None:
    other = dataclasses.replace(resumed(copy), resume=False, name="other", steps=30, **settings)
    folder = train(other).folder
    shutil.rmtree(folder / "checkpoints")
    shutil.copytree(copy / "checkpoints", folder / "checkpoints")
    with pytest.raises(CheckpointError, match=sentence):
        train(dataclasses.replace(other, resume=True))


def test_a_run_without_its_checkpoints_does_not_start_again(copy: Path) -> None:
    shutil.rmtree(copy / "checkpoints")
    before = (copy / "metrics.csv").read_bytes()
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        train(resumed(copy))
    assert (copy / "metrics.csv").read_bytes() == before
