"""Transfer of a run folder between machines, as a zip of the files that changed."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ddpg.runs.files import flush_folder, write_file

_LISTING = "listing.json"

Contents = Mapping[str, tuple[int, int]]
"""File below a folder -> its size in bytes and time of change in nanoseconds."""


def pack(folder: Path, known: Contents) -> bytes:
    """Return a zip of the files that differ from `known`, with a list of all files in `folder`."""
    buffer = io.BytesIO()
    files = contents(folder)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(_LISTING, json.dumps(list(files)))
        for name, stamp in files.items():
            if known.get(name) != stamp:
                archive.write(folder / name, name)
    return buffer.getvalue()


def unpack(packed: bytes, folder: Path) -> None:
    """Make `folder` equal to the packed one; a checkpoint's manifest is written after its files.

    Raises:
        ValueError: the zip has a file outside the folder.
    """
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        listing = json.loads(archive.read(_LISTING))
        received = sorted(
            (name for name in archive.namelist() if name != _LISTING), key=_is_manifest
        )
        for name in received:
            target = folder / name
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"cannot unpack {name!r}: it is outside the run folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, archive.read(name), flush_name=False)
    for parent in {(folder / name).parent for name in received}:
        flush_folder(parent)
    dropped = [name for name in contents(folder) if name not in listing]
    # Manifests first, so that no manifest names a deleted file.
    for name in sorted(dropped, key=_is_manifest, reverse=True):
        (folder / name).unlink()


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file below `folder`."""
    return {
        str(file.relative_to(folder).as_posix()): (file.stat().st_size, file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def _is_manifest(name: str) -> bool:
    return Path(name).name.startswith("manifest-")
