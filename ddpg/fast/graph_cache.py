"""Folder of compiled graphs, which PyTorch loads and runs."""

import ast
import os
import re
import struct
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ddpg.errors import CompileError

_NAME = re.compile(r"c[a-z2-7]{51}\..+")
"""Name of a file of a graph: the hash of its source."""
_ELF_HEADER = 64
"""Bytes of the header of a library on Linux."""


def cache_folder() -> Path:
    """Return the folder of compiled graphs: TORCHINDUCTOR_CACHE_DIR, or one of this user alone.

    PyTorch runs what it holds. Its own default has a name in a shared folder that another user can
    take first. Like PyTorch, the function sets the variable.

    Raises:
        CompileError: the folder cannot be created.
    """
    from torch._inductor import codecache
    from torch._inductor.runtime.cache_dir_utils import default_cache_dir

    # PyTorch may have set its default in this process.
    if os.environ.get("TORCHINDUCTOR_CACHE_DIR") in (None, default_cache_dir()):
        folder = Path(torch.hub.get_dir()).with_name("inductor")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Raises for the folder of another user.
            folder.chmod(0o700)
        except OSError as error:
            raise CompileError(
                f"cannot write {folder}: {error.strerror}; the environment variable "
                "TORCHINDUCTOR_CACHE_DIR names another folder"
            ) from error
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    folder = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    # PyTorch's own folder of precompiled headers stays in the shared one.
    codecache._HEADER_DIR = str(folder / "precompiled_headers")
    codecache._HEADER_LOCK_DIR = str(folder / "precompiled_headers" / "locks")
    return folder


def discard_damaged(folder: Path) -> None:
    """Delete graphs whose files are cut short, as by a full disk or a killed compiler.

    PyTorch would fail to load them. A graph that another process compiles is left alone.

    Raises:
        CompileError: a file cannot be read or deleted.
    """
    try:
        for pattern, is_complete in (
            ("*/*.so", _is_complete_library),
            ("*/*.py", _is_complete_module),
        ):
            for path in folder.glob(pattern):
                if _is_cached(path) and not is_complete(path.read_bytes()):
                    _discard(folder, path)
    except OSError as error:
        raise CompileError(f"cannot use {error.filename}: {error.strerror}") from error


def _is_cached(path: Path) -> bool:
    """Return whether PyTorch gives a file this name, and in this folder."""
    return bool(_NAME.fullmatch(path.name)) and path.parent.name == path.name[1:3]


def _discard(folder: Path, damaged: Path) -> None:
    """Delete a damaged file and its sources, unless a compiler is at work on them."""
    name = damaged.name.partition(".")[0]
    locks = folder / "locks"
    locks.mkdir(exist_ok=True)
    try:
        # PyTorch's own lock of these files.
        with FileLock(locks / f"{name}.lock").acquire(blocking=False):
            for path in damaged.parent.glob(f"{name}.*"):
                path.unlink(missing_ok=True)
    except Timeout:
        return


def _is_complete_library(content: bytes) -> bool:
    """Return whether a library is not empty and, of ELF's usual kind, has its last part.

    Source: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    if content[:6] != b"\x7fELF\x02\x01" or len(content) < _ELF_HEADER:
        return any(content[:4]) and content[:4] != b"\x7fELF"
    (sections,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    return len(content) >= sections + size * count


def _is_complete_module(content: bytes) -> bool:
    try:
        return bool(ast.parse(content).body)
    except (SyntaxError, ValueError):
        return False
