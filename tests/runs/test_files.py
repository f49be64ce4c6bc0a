"""Atomic writes: complete or absent, flushed in order, and clean after a failure."""

import os
from pathlib import Path

import pytest

from ddpg.runs.files import (
    UNFINISHED,
    atomic_folder,
    atomic_write,
    flush_tree,
    read_regular,
    require_output,
    write_file,
)


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the flushed files and folders, in order."""
    names: list[str] = []
    flush = os.fsync

    def recorded(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    return names


def test_a_file_is_flushed_before_it_is_renamed_and_its_folder_after(tmp_path, flushed):
    write_file(tmp_path / "scores.json", "é")
    assert (tmp_path / "scores.json").read_bytes() == "é".encode()
    assert flushed == [f"{UNFINISHED}scores.json", tmp_path.name]
    write_file(tmp_path / "scores.json", b"2", flush_name=False)
    assert flushed[2:] == [f"{UNFINISHED}scores.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]


def fail_while_writing(file, error):
    with atomic_write(file) as unfinished:
        assert unfinished.suffix == ".png"
        unfinished.write_text("new")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_content_and_no_temporary_file(tmp_path, error):
    file = tmp_path / "curve.png"
    file.write_text("old")
    with pytest.raises(error):
        fail_while_writing(file, error)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path):
    file = tmp_path / "nowhere" / "scores.json"
    with pytest.raises(FileNotFoundError) as raised:
        write_file(file, "{}")
    assert raised.value.filename == str(file)


def test_the_temporary_file_of_a_killed_writer_is_overwritten(tmp_path):
    (tmp_path / f"{UNFINISHED}scores.json").write_text("a much longer text than the new one")
    write_file(tmp_path / "scores.json", "{}")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"scores.json": "{}"}


def test_a_folder_is_complete_and_flushed_before_it_is_renamed(tmp_path, flushed):
    with atomic_folder(tmp_path / "runs" / "mine") as unfinished:
        (unfinished / "config.yaml").write_text("gamma: 0.9\n")
        assert not (tmp_path / "runs" / "mine").exists()
    assert (tmp_path / "runs" / "mine" / "config.yaml").read_text() == "gamma: 0.9\n"
    # The name of the new parent, the folder's content, and its name.
    assert flushed == [tmp_path.name, "config.yaml", unfinished.name, "runs"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]


def test_a_folder_does_not_replace_another(tmp_path):
    write_file(tmp_path / "first.txt", "")
    (tmp_path / "mine").mkdir()
    (tmp_path / "first.txt").rename(tmp_path / "mine" / "first.txt")
    with pytest.raises(OSError, match="not empty") as raised, atomic_folder(tmp_path / "mine"):
        pass
    assert raised.value.filename == str(tmp_path / "mine")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "first.txt"]


def test_every_file_and_folder_of_a_tree_is_flushed_and_the_tree_last(tmp_path, flushed):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.png").write_bytes(b"")
    flush_tree(tmp_path)
    assert sorted(flushed[:-1]) == ["one.png", "pictures"]
    assert flushed[-1] == tmp_path.name


def test_a_link_in_place_of_the_temporary_file_is_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    (tmp_path / f"{UNFINISHED}a.txt").symlink_to(outside)
    write_file(tmp_path / "a.txt", "new")
    assert outside.read_text() == "precious"
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("kind", ["pipe", "link", "device", "folder"])
def test_only_a_regular_file_is_read(tmp_path, kind):
    path = tmp_path / "state.pt"
    make = {
        "pipe": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to(tmp_path / "outside.txt"),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
    }
    (tmp_path / "outside.txt").write_text("precious")
    make[kind]()
    with pytest.raises(OSError, match=r"state\.pt"):
        read_regular(path)


def test_a_regular_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1\r\n2")
    assert read_regular(tmp_path / "a") == b"1\r\n2"


def make_special(path: Path, kind: str) -> None:
    """Make something in the place of an output file."""
    if kind == "link":
        path.with_name("target").write_text("mine")
        path.symlink_to("target")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("it", "link", "it is a link; allowed: a new or regular file"),
        ("it", "pipe", "it is not a regular file; allowed: a new or regular file"),
        ("it", "folder", "Is a directory"),
        ("nowhere/it", "", "No such file or directory"),
        ("n" * 250, "", "File name too long"),
    ],
)
def test_an_output_that_is_not_a_regular_file_is_refused_and_kept(tmp_path, name, kind, reason):
    path = tmp_path / name
    make_special(path, kind)
    before = path.lstat().st_mode if kind else None
    for write in (require_output, lambda path: write_file(path, "new")):
        with pytest.raises(OSError, match=reason) as error:
            write(path)
        assert error.value.filename == str(path)
    assert (path.lstat().st_mode if kind else None) == before
    if kind == "link":
        assert path.read_text() == "mine"


def test_a_new_or_regular_file_is_an_output(tmp_path):
    for _ in range(2):
        require_output(tmp_path / "it")
        write_file(tmp_path / "it", "new")
