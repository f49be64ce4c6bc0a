"""Atomic writes: a file or folder is complete on disk or it is not there."""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".unfinished-"
"""Start of the name of a file or folder that is being written; no pattern of a result matches."""


@contextmanager
def atomic_write(path: Path, flush_name: bool = True) -> Iterator[Path]:
    """Context manager: yield a temporary path beside `path`, with its suffix, then rename it.

    The file is flushed to disk before the rename and its folder after it. If the block raises,
    `path` is unchanged and the temporary file is deleted.

    Args:
        path: the file.
        flush_name: False leaves the folder to one `flush_folder` after several files.

    Raises:
        OSError: the file cannot be written; `filename` is `path`.
    """
    require_output(path)
    unfinished = path.with_name(UNFINISHED + path.name)
    with names_path(path):
        # Of a killed process, or a link to a file elsewhere, which must not be written.
        unfinished.unlink(missing_ok=True)
        try:
            yield unfinished
            _flush(unfinished)
            unfinished.replace(path)
            if flush_name:
                flush_folder(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)


def write_file(path: Path, content: bytes | memoryview | str, flush_name: bool = True) -> None:
    """Write `content` atomically, text as UTF-8. See `atomic_write`.

    Raises:
        OSError: the file cannot be written; `filename` is `path`.
    """
    with atomic_write(path, flush_name) as unfinished:
        unfinished.write_bytes(as_utf8(content) if isinstance(content, str) else content)


def as_utf8(text: str) -> bytes:
    """Return `text` as UTF-8; bytes of a file name that are not text are spelled `\\udcff`."""
    return text.encode("utf-8", "backslashreplace")


def require_output(path: Path) -> None:
    """Check, before the work, that `path` can become a regular file.

    Raises:
        OSError: it is a folder, a link, a pipe or a device, which are not replaced, or its folder
            does not exist or cannot be written; `filename` is `path`.
    """
    with names_path(path):
        if os.path.lexists(path):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(mode):
                kind = "a link" if stat.S_ISLNK(mode) else "not a regular file"
                raise OSError(errno.EINVAL, f"it is {kind}; allowed: a new or regular file")
        path.parent.stat()
        with suppress(FileNotFoundError):
            # Raises for a parent that is a file, and for a name that is too long.
            path.with_name(UNFINISHED + path.name).lstat()
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def read_regular(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: the file cannot be read, or is a link, a pipe or a device.
    """
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")]
    with names_path(path):
        descriptor = os.open(path, os.O_RDONLY | sum(flags))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            with open(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Context manager: yield a new temporary folder beside `path`, then rename it to `path`.

    Parents are created. If the block raises, `path` is not created and the temporary folder is
    deleted.

    Raises:
        OSError: the folder cannot be created, or `path` is not empty; `filename` is `path`.
    """
    # The token keeps apart two processes that try the same name.
    unfinished = path.with_name(f"{UNFINISHED}{path.name}-{secrets.token_hex(4)}")
    with names_path(path):
        try:
            _make_folders(path.parent)
            unfinished.mkdir()
            yield unfinished
            flush_tree(unfinished)
            unfinished.rename(path)
            flush_folder(path.parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _make_folders(folder: Path) -> None:
    """Create `folder` and its parents, and flush the name of each that is new."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        # A file of that name is the error of the folder inside it.
        with suppress(FileExistsError):
            folder.mkdir()
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to disk, so that a rename survives a power loss."""
    if os.name == "posix":  # Windows cannot open a folder.
        _flush(folder)


def flush_tree(folder: Path) -> None:
    """Flush to disk every file and folder below `folder`, then `folder` itself."""
    for path in folder.rglob("*"):
        (flush_folder if path.is_dir() else _flush)(path)
    flush_folder(folder)


@contextmanager
def names_path(path: Path) -> Iterator[None]:
    """Context manager: an OSError in the block has `path` as its filename."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def _flush(path: Path) -> None:
    # Windows flushes only a file that is open for writing.
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
