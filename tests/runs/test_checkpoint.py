"""Checkpoints load bit-identically, the two newest stay complete, replay is written once."""

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpg.errors import CheckpointError, DamagedCheckpointError
from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints


def make_replay(capacity: int = 10) -> ReplayBuffer:
    streams = RandomStreams.from_seeds([0, 1])
    return ReplayBuffer(streams.replay, capacity, 2, 1, torch.device("cpu"))


def add(replay: ReplayBuffer, count: int) -> None:
    for _ in range(count):
        value = np.float32(replay.added)
        replay.add(
            np.full((2, 2), value),
            np.full((2, 1), value),
            np.full(2, value),
            np.full((2, 2), value),
            np.zeros(2, bool),
        )


@pytest.mark.parametrize("growth", [3, 7, 10, 25])
def test_replay_and_state_are_loaded_after_every_wrap(tmp_path, growth):
    checkpoints, replay = Checkpoints(tmp_path), make_replay()
    for number in range(1, 6):
        add(replay, growth)
        checkpoints.save(number, {"number": number, "weight": torch.randn(3)}, replay)
        loaded = make_replay()
        state = checkpoints.load(loaded)
        assert state["number"] == number
        assert loaded.added == replay.added
        assert torch.equal(loaded.rows, replay.rows)


def test_the_two_newest_stay_complete_and_pieces_are_written_once(tmp_path):
    checkpoints, replay = Checkpoints(tmp_path), make_replay(capacity=100)
    written = {}
    for number in range(1, 6):
        add(replay, 5)
        checkpoints.save(number, {"number": number}, replay)
        for piece in tmp_path.glob("replay-*.pt"):
            stamp = (piece.stat().st_mtime_ns, piece.stat().st_ino)
            assert written.setdefault(piece.name, stamp) == stamp
    assert sorted(path.name for path in tmp_path.glob("[ms]*")) == [
        "manifest-000000000004.json",
        "manifest-000000000005.json",
        "state-000000000004.pt",
        "state-000000000005.pt",
    ]
    assert len(written) == 5
    (tmp_path / "manifest-000000000005.json").unlink()
    loaded = make_replay(capacity=100)
    assert checkpoints.load(loaded)["number"] == 4
    assert loaded.added == 20


def test_pieces_that_no_checkpoint_needs_are_deleted(tmp_path):
    checkpoints, replay = Checkpoints(tmp_path), make_replay(capacity=10)
    for number in range(1, 8):
        add(replay, 5)
        checkpoints.save(number, {}, replay)
    assert len(list(tmp_path.glob("replay-*.pt"))) == 3


def test_a_failed_write_leaves_the_last_checkpoint_complete(tmp_path):
    checkpoints, replay = Checkpoints(tmp_path), make_replay()
    add(replay, 4)
    checkpoints.save(1, {"number": 1}, replay)
    add(replay, 4)
    with pytest.raises(AttributeError, match="local"):
        checkpoints.save(2, {"number": lambda: None}, replay)
    assert not list(tmp_path.glob(".unfinished-*"))
    loaded = make_replay()
    assert checkpoints.load(loaded)["number"] == 1
    assert loaded.added == 4


def test_missing_and_damaged_checkpoints_are_named(tmp_path):
    checkpoints, replay = Checkpoints(tmp_path), make_replay()
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        checkpoints.load(replay)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        checkpoints.load_state()
    add(replay, 2)
    checkpoints.save(1, {"number": 1}, replay)
    state = tmp_path / "state-000000000001.pt"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(DamagedCheckpointError, match=r"state-000000000001\.pt: it is damaged"):
        checkpoints.load(replay)
    state.unlink()
    with pytest.raises(DamagedCheckpointError, match=r"state-000000000001\.pt: No such file"):
        checkpoints.load(replay)
    (tmp_path / "manifest-000000000001.json").write_text("{")
    with pytest.raises(DamagedCheckpointError, match=r"manifest-000000000001\.json: it is damaged"):
        checkpoints.load_state()


def test_loading_runs_no_code(tmp_path):
    checkpoints, replay = Checkpoints(tmp_path), make_replay()

    class Hostile:
        def __reduce__(self):
            return (print, ("this must not run",))

    add(replay, 1)
    checkpoints.save(1, {}, replay)
    checkpoints.save(2, {"number": Hostile()}, replay)
    with pytest.raises(CheckpointError, match="more than tensors"):
        checkpoints.load_state()


def test_files_are_flushed_before_they_are_renamed_and_the_manifest_comes_last(
    tmp_path, monkeypatch
):
    calls: list[str] = []
    flush, rename = os.fsync, Path.replace

    def recorded_flush(descriptor: int) -> None:
        calls.append(f"flushed {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        flush(descriptor)

    def recorded_rename(path: Path, target: Path) -> Path:
        calls.append(f"renamed {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", recorded_flush)
    monkeypatch.setattr(Path, "replace", recorded_rename)
    checkpoints, replay = Checkpoints(tmp_path), make_replay()
    add(replay, 3)
    checkpoints.save(1, {"number": 1}, replay)
    files = [
        "replay-000000000000-000000000003.pt",
        "state-000000000001.pt",
        "manifest-000000000001.json",
    ]
    *parts, manifest = [(f"flushed .unfinished-{file}", f"renamed {file}") for file in files]
    folder = f"flushed {tmp_path.name}"
    # No manifest has its name before the files that it names.
    assert calls == [*itertools.chain.from_iterable(parts), folder, *manifest, folder]


def test_files_of_a_killed_writer_are_not_a_checkpoint_and_the_next_save_deletes_them(tmp_path):
    checkpoints, replay = Checkpoints(tmp_path), make_replay()
    checkpoints.save(1, {"number": 1}, replay)
    name = "manifest-000000000002.json"
    leftovers = [tmp_path / f".unfinished-{name}"]
    leftovers.append(tmp_path / ".unfinished-state-000000000002.pt")
    for file in leftovers:
        file.write_bytes(b"{")
    assert Checkpoints(tmp_path).steps() == [1]
    checkpoints.save(3, {"number": 3}, replay)
    assert not [file for file in leftovers if file.exists()]
    assert checkpoints.load_state()["number"] == 3


@pytest.mark.parametrize("with_replay", [False, True])
def test_a_checkpoint_that_a_training_replaces_is_read_again(tmp_path, monkeypatch, with_replay):
    writer, replay = Checkpoints(tmp_path), make_replay()
    for step in (1, 2):
        add(replay, 3)
        writer.save(step, {"number": step}, replay)
    reader, read_replay = Checkpoints(tmp_path), make_replay()
    read, later = reader._read_torch, [3, 4]

    def read_late(name: str, sha256: str) -> Any:
        while later:
            add(replay, 3)
            writer.save(later[0], {"number": later.pop(0)}, replay)
        return read(name, sha256)

    monkeypatch.setattr(reader, "_read_torch", read_late)
    state = reader.load(read_replay) if with_replay else reader.load_state()
    assert state == {"number": 4}
    assert not with_replay or torch.equal(read_replay.rows, replay.rows)
