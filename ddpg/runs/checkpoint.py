"""Everything that a run needs to go on, written so that the last one is whole at every moment.

`checkpoints/` holds, for each of the two newest checkpoints, `state-<step>.pt`, and the replay in
pieces `replay-<first>-<last>.pt` that are written once and never changed. A checkpoint counts from
the moment that its `manifest-<step>.json`, which names its files and their checksums, has its name.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, NonNegativeInt

from ddpg.runs.files import UNFINISHED, flush_folder, names_path, write_file
from ddpg.replay import ReplayBuffer

FORMAT = 2
"""Version of what a checkpoint holds; it changes when an older one can no longer be read."""
_KEPT = 2
_LONGEST_PIECE = 50_000
"""Transitions; a piece is put together in memory before it is written."""


from ddpg.errors import CheckpointError


from ddpg.errors import DamagedCheckpointError


class _Piece(NamedTuple):
    """Transitions `first` up to `last`, counted from the first that the run ever added."""

    first: NonNegativeInt
    last: NonNegativeInt
    sha256: str

    @property
    def file(self) -> str:
        return _piece_file(self.first, self.last)


class _Manifest(BaseModel):
    """What a checkpoint consists of."""

    model_config = ConfigDict(strict=True, extra="forbid")
    format: int
    step: NonNegativeInt
    state_sha256: str
    added: NonNegativeInt
    pieces: list[_Piece]
    made_of: dict[str, Any]

    def sha256(self) -> str:
        """Checksum of all of it."""
        text = json.dumps(self.model_dump(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def files(self) -> set[str]:
        """Names of the files that the checkpoint needs."""
        return {_state_file(self.step), *(piece.file for piece in self.pieces)}


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they are; the first `save` makes it.
        made_of: plain values by name, in which a checkpoint must agree with the run that loads it.
    """

    def __init__(self, folder: Path, made_of: Mapping[str, Any] | None = None):
        self.folder = folder
        # As JSON has them, which makes a list of a tuple.
        self.made_of: dict[str, Any] = json.loads(json.dumps(made_of or {}))
        self._pieces: list[_Piece] = []
        self._chain: list[int] = []
        """Steps of the checkpoints that led here; others were left by going on from an older."""

    def save(self, step: int, state: dict[str, Any], replay: ReplayBuffer) -> None:
        """Write a checkpoint at environment step `step`, then drop all but the two newest.

        Args:
            step: environment steps done.
            state: tensors, numbers, strings, and lists and dicts of them.
            replay: what it gained since the last checkpoint goes into pieces of its own.

        Raises:
            OSError: a file cannot be written; the checkpoints before are whole.
        """
        if self._chain and step == self._chain[-1]:
            return
        self.folder.mkdir(exist_ok=True)
        for other in set(self.steps()) - set(self._chain):
            self._path(other).unlink()
        oldest = replay.added - replay.capacity
        pieces = [piece for piece in self._pieces if piece.last > oldest]
        first = max(pieces[-1].last if pieces else 0, oldest)
        while first < replay.added:
            last = min(first + _LONGEST_PIECE, replay.added)
            sha256 = self._write_torch(_piece_file(first, last), _rows(replay, first, last))
            pieces.append(_Piece(first, last, sha256))
            first = last
        manifest = _Manifest(
            format=FORMAT,
            step=step,
            state_sha256=self._write_torch(_state_file(step), state),
            added=replay.added,
            pieces=pieces,
            made_of=self.made_of,
        )
        text = json.dumps({**manifest.model_dump(), "sha256": manifest.sha256()})
        write_file(self._path(step), text, flush_name=False)
        with names_path(self.folder):
            flush_folder(self.folder)
        self._pieces = pieces
        self._chain.append(step)
        self._drop_all_but_newest()

    def load(
        self, replay: ReplayBuffer, which: Literal["newest", "previous"] = "newest"
    ) -> dict[str, Any]:
        """Read a checkpoint: fill `replay`, and return the state.

        Raises:
            CheckpointError: there is none, or it is of another run.
            DamagedCheckpointError: one of its files is not what was written.
        """
        step = self._step(which)
        earlier = [each for each in self.steps() if each < step]
        try:
            manifest = self._read_manifest(step)
            for name, value in self.made_of.items():
                if manifest.made_of.get(name) != value:
                    raise CheckpointError(
                        f"{self._path(step)} is of another run: its {name} is "
                        f"{manifest.made_of.get(name)!r}, and this run's is {value!r}"
                    )
            self._require_gapless(manifest, replay)
            for piece in manifest.pieces:
                rows = self._read_torch(piece.file, piece.sha256)
                self._require_rows(piece, rows, replay)
                positions = torch.arange(piece.first, piece.last) % replay.capacity
                replay.rows[:, positions.to(replay.rows.device)] = rows.to(replay.rows.device)
            state = self._read_torch(_state_file(step), manifest.state_sha256)
        except DamagedCheckpointError as error:
            error.before = earlier[-1] if earlier else None
            raise
        replay.added = manifest.added
        self._pieces = manifest.pieces
        self._chain = [*earlier, step]
        return state

    def load_state(self) -> dict[str, Any]:
        """Read the newest checkpoint without its replay.

        Raises:
            CheckpointError: there is none.
            DamagedCheckpointError: it is not what was written.
        """
        step = self._step("newest")
        return self._read_torch(_state_file(step), self._read_manifest(step).state_sha256)

    def state_file(self, which: Literal["newest", "previous"] = "newest") -> Path:
        """The file that has the state of a checkpoint.

        Raises:
            CheckpointError: there is none.
        """
        return self.folder / _state_file(self._step(which))

    def latest_step(self) -> int | None:
        """Environment step of the newest checkpoint, or None."""
        steps = self.steps()
        return steps[-1] if steps else None

    def steps(self) -> list[int]:
        """Environment steps of the checkpoints, in order."""
        return sorted(int(p.stem.split("-")[1]) for p in self.folder.glob("manifest-*.json"))

    def _step(self, which: Literal["newest", "previous"]) -> int:
        steps = self.steps()
        needed = {"newest": 1, "previous": 2}[which]
        if len(steps) < needed:
            raise CheckpointError(
                f"{self.folder} holds no checkpoint"
                + (" before the newest" if which == "previous" and steps else "")
            )
        return steps[-needed]

    def _path(self, step: int) -> Path:
        """The manifest of the checkpoint of environment step `step`."""
        return self.folder / f"manifest-{step:012d}.json"

    def _read_manifest(self, step: int) -> _Manifest:
        path = self._path(step)
        try:
            content = json.loads(path.read_bytes())
            # The first format did not have its number in it.
            version = content.get("format", 1)
            if version != FORMAT:
                raise CheckpointError(
                    f"{path} has format {version!r}; allowed: {FORMAT}, which this version of ddpg "
                    "writes"
                )
            sha256 = content.pop("sha256")
            manifest = _Manifest.model_validate_json(json.dumps(content))
        except OSError as error:
            raise DamagedCheckpointError(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DamagedCheckpointError(f"{path} is damaged: it is no whole manifest") from error
        if sha256 != manifest.sha256() or manifest.step != step:
            raise DamagedCheckpointError(f"{path} is damaged: its sha256 is another")
        return manifest

    def _require_gapless(self, manifest: _Manifest, replay: ReplayBuffer) -> None:
        """Raise a CheckpointError unless the pieces are all that a replay of that size holds."""
        oldest = max(manifest.added - replay.capacity, 0)
        ends = [oldest, *(piece.last for piece in manifest.pieces)]
        follows = [
            piece.first <= end < piece.last if number == 0 else piece.first == end < piece.last
            for number, (piece, end) in enumerate(zip(manifest.pieces, ends[:-1], strict=True))
        ]
        if not all(follows) or ends[-1] != manifest.added:
            raise CheckpointError(
                f"{self._path(manifest.step)} names {len(manifest.pieces)} pieces of replay that "
                f"do not follow each other; allowed: all from transition {oldest:,} up to "
                f"{manifest.added:,}"
            )

    def _require_rows(self, piece: _Piece, rows: Any, replay: ReplayBuffer) -> None:
        """Raise a CheckpointError unless `rows` are what the piece says."""
        members, _, width = replay.rows.shape
        allowed = (members, piece.last - piece.first, width)
        if not (torch.is_tensor(rows) and rows.dtype == torch.float32 and rows.shape == allowed):
            raise CheckpointError(
                f"{self.folder / piece.file} holds no piece of this run's replay; allowed: a "
                f"tensor of torch.float32 of shape {[*allowed]}"
            )
        if not rows.isfinite().all():
            raise CheckpointError(
                f"{self.folder / piece.file} holds a transition that is not finite; allowed: "
                "finite numbers"
            )

    def _write_torch(self, name: str, value: Any) -> str:
        """Write `value` into the file `name`, and return its checksum."""
        # By way of memory: torch's own writer says of a full disk only that it failed.
        buffer = io.BytesIO()
        torch.save(value, buffer)
        content = buffer.getbuffer()
        write_file(self.folder / name, content, flush_name=False)
        return hashlib.sha256(content).hexdigest()

    def _read_torch(self, name: str, sha256: str) -> Any:
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DamagedCheckpointError(f"{path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedCheckpointError(f"{path} is damaged: its sha256 is not the manifest's")
        try:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        # What a file that somebody made up brings the unpickler to raise is of many kinds.
        except Exception as error:
            raise CheckpointError(
                f"{path} cannot be read: it holds more than tensors and plain values"
            ) from error

    def _drop_all_but_newest(self) -> None:
        """Drop what the newest checkpoints do not need."""
        for step in self._chain[:-_KEPT]:
            self._path(step).unlink(missing_ok=True)
        self._chain = self._chain[-_KEPT:]
        needed = set()
        for step in self._chain:
            needed |= self._files(step)
        # `*.unfinished` is what earlier versions of ddpg left behind when they were killed.
        for pattern in ("*.pt", f"{UNFINISHED}*", "*.unfinished"):
            for file in self.folder.glob(pattern):
                if file.name not in needed:
                    file.unlink()

    def _files(self, step: int) -> set[str]:
        """The files of a checkpoint; none of one that is damaged, and can bring nothing back."""
        try:
            return self._read_manifest(step).files()
        except CheckpointError:
            return set()


def _state_file(step: int) -> str:
    return f"state-{step:012d}.pt"


def _piece_file(first: int, last: int) -> str:
    return f"replay-{first:012d}-{last:012d}.pt"


def _rows(replay: ReplayBuffer, first: int, last: int) -> torch.Tensor:
    positions = torch.arange(first, last) % replay.capacity
    return replay.rows[:, positions.to(replay.rows.device)].cpu()

