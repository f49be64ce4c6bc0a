"""Compiled graphs whose files are cut short are deleted before PyTorch loads them."""

import sysconfig
from pathlib import Path

import pytest
from filelock import FileLock

from ddpg.fast.graph_cache import discard_damaged

STEM = "cabc" + "2" * 48
"""Name that PyTorch gives the files of a graph, which are in the folder `ab`."""
LIBRARY = next(Path(sysconfig.get_config_var("DESTSHARED")).glob("*.so")).read_bytes()


def graph(folder: Path, suffix: str, content: bytes, name: str = STEM) -> Path:
    """Write a file of a graph and its source; return the file."""
    (folder / "ab").mkdir(exist_ok=True)
    (folder / "ab" / f"{name}.cpp").write_text("int x;")
    path = folder / "ab" / f"{name}{suffix}"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".so", b""),
        (".so", LIBRARY[:100]),
        (".so", LIBRARY[:-1]),
        (".main.so", LIBRARY[:30]),
        (".so", bytes(len(LIBRARY))),
        (".py", b""),
        (".py", b"def f(:\n"),
        (".py", bytes(100)),
    ],
)
def test_a_file_that_is_cut_short_is_deleted_with_its_source(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = graph(tmp_path, suffix, content)
    discard_damaged(tmp_path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "content", "name"),
    [
        (".so", LIBRARY, STEM),
        (".py", b"x = 1\n", STEM),
        (".so", b"", "mine"),
        (".py", b"def f(:\n", "cabin"),
        (".py", b"", STEM.replace("ab", "xy")),
    ],
)
def test_a_complete_file_and_a_file_of_another_name_are_kept(
    tmp_path: Path, suffix: str, content: bytes, name: str
) -> None:
    path = graph(tmp_path, suffix, content, name)
    discard_damaged(tmp_path)
    assert path.read_bytes() == content
    assert len(list(path.parent.iterdir())) == 2


def test_a_file_that_another_process_compiles_is_kept(tmp_path: Path) -> None:
    path = graph(tmp_path, ".so", b"")
    (tmp_path / "locks").mkdir()
    with FileLock(tmp_path / "locks" / f"{STEM}.lock"):
        discard_damaged(tmp_path)
    assert path.exists()
