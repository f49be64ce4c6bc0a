"""Exclusive lock of a folder. It ends with the process that holds it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ddpg.errors import ConfigError
from ddpg.runs.files import names_path

LOCK_FILE = ".lock"
"""File in the locked folder, with the host and the process that locked it last."""


class FolderLock:
    """Lock that at most one process holds.

    The lock is the operating system's, so a killed process leaves none behind.

    Args:
        folder: an existing folder.

    Raises:
        ConfigError: another process holds the lock.
        OSError: the lock file cannot be written.
    """

    def __init__(self, folder: Path):
        file = folder / LOCK_FILE
        self._lock = FileLock(file)
        with names_path(file):
            try:
                self._lock.acquire(blocking=False)
            except Timeout as error:
                owner = file.read_text(encoding="utf-8", errors="replace").strip()
                raise ConfigError(
                    f"cannot write into {folder}: {owner or 'another process'} is writing into "
                    "it; allowed: one process at a time"
                ) from error
        file.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")

    def release(self) -> None:
        """Let another process lock the folder."""
        self._lock.release()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Context manager: hold the lock of `folder`. See `FolderLock`."""
    lock = FolderLock(folder)
    try:
        yield
    finally:
        lock.release()
