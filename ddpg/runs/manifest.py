"""Manifest of a checkpoint: the names and checksums of its files."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from ddpg.errors import CheckpointError, DamagedCheckpointError
from ddpg.runs.files import UNFINISHED, read_regular

FORMAT = 2
"""Version of the checkpoint format; it changes when older checkpoints can no longer be read."""


class Piece(NamedTuple):
    """Transitions `first` to `last - 1`, counted from the first that the run ever added."""

    first: NonNegativeInt
    last: NonNegativeInt
    sha256: str

    @property
    def file(self) -> str:
        return piece_file(self.first, self.last)


class Manifest(BaseModel):
    """Names and checksums of the files of one checkpoint."""

    model_config = ConfigDict(strict=True, extra="forbid")
    format: int
    step: NonNegativeInt
    state_sha256: str
    added: NonNegativeInt
    """Transitions that the run ever added to its replay."""
    pieces: list[Piece]
    identity: dict[str, Any] = Field(alias="made_of")
    """Values that a run must have in common with the checkpoint to load it."""

    def sha256(self) -> str:
        """Return the checksum of all fields."""
        return hashlib.sha256(json.dumps(self._fields(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """Return all fields and their checksum as JSON."""
        return json.dumps({**self._fields(), "sha256": self.sha256()})

    def files(self) -> set[str]:
        """Return the names of the files that the checkpoint needs."""
        return {state_file(self.step), *(piece.file for piece in self.pieces)}

    def has_all_pieces(self, capacity: int) -> bool:
        """Return whether the pieces cover, without a gap, a replay of `capacity` transitions."""
        oldest = max(self.added - capacity, 0)
        ends = [oldest, *(piece.last for piece in self.pieces)]
        follows = [
            piece.first <= end < piece.last if number == 0 else piece.first == end < piece.last
            for number, (piece, end) in enumerate(zip(self.pieces, ends[:-1], strict=True))
        ]
        return all(follows) and ends[-1] == self.added

    def _fields(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True)


_MANIFEST = re.compile(r"manifest-(\d{12})\.json")
_DATA = re.compile(r"(?:state-\d{12}|replay-\d{12}-\d{12})\.pt")
_UNFINISHED = re.compile(rf"{re.escape(UNFINISHED)}(?:{_DATA.pattern}|{_MANIFEST.pattern})")


def may_be_deleted(name: str) -> bool:
    """Return whether a checkpoint writes files of that name, except for finished manifests."""
    return bool(_DATA.fullmatch(name) or _UNFINISHED.fullmatch(name))


def state_file(step: int) -> str:
    """Return the name of the file with the state at environment step `step`."""
    return f"state-{step:012d}.pt"


def piece_file(first: int, last: int) -> str:
    """Return the name of the file with the transitions `first` to `last - 1`."""
    return f"replay-{first:012d}-{last:012d}.pt"


def manifest_file(step: int) -> str:
    """Return the name of the manifest of the checkpoint at environment step `step`."""
    return f"manifest-{step:012d}.json"


def manifest_steps(folder: Path) -> list[int]:
    """Return the environment steps of the checkpoints in `folder`, in order.

    Raises:
        CheckpointError: the folder exists and cannot be read.
    """
    try:
        names = [_MANIFEST.fullmatch(path.name) for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise CheckpointError(f"cannot read {folder}: {error.strerror}") from error
    return sorted(int(name[1]) for name in names if name)


def read_manifest(folder: Path, step: int) -> Manifest:
    """Read the manifest of the checkpoint at environment step `step`.

    Raises:
        CheckpointError: the checkpoint has another format.
        DamagedCheckpointError: the manifest is missing or differs from what was written.
    """
    path = folder / manifest_file(step)
    try:
        content = json.loads(read_regular(path))
        # Format 1 did not store its number.
        version = content.get("format", 1)
        if version != FORMAT:
            raise CheckpointError(
                f"cannot load {path}: its format is {version!r}; allowed: {FORMAT}, the format of "
                "this version of ddpg"
            )
        sha256 = content.pop("sha256")
        manifest = Manifest.model_validate_json(json.dumps(content))
    except OSError as error:
        raise DamagedCheckpointError(f"cannot load {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedCheckpointError(
            f"cannot load {path}: it is damaged (not a complete manifest)"
        ) from error
    if sha256 != manifest.sha256() or manifest.step != step:
        raise DamagedCheckpointError(
            f"cannot load {path}: it is damaged (its content does not have its SHA-256)"
        )
    return manifest
