"""A run folder on its way between machines: as a zip of what the other side lacks."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ddpg.runs.files import flush_folder, write_file

_LISTING = "listing.json"

Known = Mapping[str, tuple[int, int]]
"""File below the folder -> its size and time of change, when the other side got it."""


def pack(folder: Path, known: Known) -> bytes:
    """A zip of the files that are not `known`, and a list of all, so that others are dropped."""
    buffer = io.BytesIO()
    files = contents(folder)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(_LISTING, json.dumps(list(files)))
        for name, stamp in files.items():
            if known.get(name) != stamp:
                archive.write(folder / name, name)
    return buffer.getvalue()


def unpack(packed: bytes, folder: Path) -> None:
    """Bring `folder` to what `pack` saw; a checkpoint's manifest comes after its files."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        listing = json.loads(archive.read(_LISTING))
        arrived = sorted(
            (name for name in archive.namelist() if name != _LISTING),
            key=lambda name: Path(name).name.startswith("manifest-"),
        )
        for name in arrived:
            target = folder / name
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"a file of a run is called {name!r}, which lies outside of it")
            target.parent.mkdir(parents=True, exist_ok=True)
            write_file(target, archive.read(name), flush_name=False)
    for parent in {(folder / name).parent for name in arrived}:
        flush_folder(parent)
    dropped = [name for name in contents(folder) if name not in listing]
    # Manifests go first, so that none names a file that is gone.
    for name in sorted(dropped, key=lambda name: not Path(name).name.startswith("manifest-")):
        (folder / name).unlink()


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below `folder`, as `Known` has it."""
    return {
        str(file.relative_to(folder).as_posix()): (file.stat().st_size, file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
