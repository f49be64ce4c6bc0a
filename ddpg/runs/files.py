"""Atomic writes: a file is complete on disk or it is not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = "-unfinished"
"""End of the stem of a file that is being written."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Context manager: yield a temporary path beside `path`, with its suffix, then rename it.

    The file is flushed to disk before the rename and its folder after it. If the block raises,
    `path` is unchanged and the temporary file is deleted.

    Raises:
        OSError: the file cannot be written; `filename` is `path`.
    """
    unfinished = path.with_stem(path.stem + UNFINISHED)
    with names_path(path):
        try:
            yield unfinished
            _flush(unfinished)
            unfinished.replace(path)
            flush_folder(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)


def write_file(path: Path, content: bytes | memoryview | str) -> None:
    """Write `content` atomically; text is UTF-8.

    Raises:
        OSError: the file cannot be written; `filename` is `path`.
    """
    with atomic_write(path) as unfinished:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to disk, so that a rename survives a power loss."""
    if os.name == "posix":  # Windows cannot open a folder.
        _flush(folder)


@contextmanager
def names_path(path: Path) -> Iterator[None]:
    """Context manager: an OSError in the block has `path` as its filename."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
