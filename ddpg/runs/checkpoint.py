"""Checkpoints of a run: everything needed to resume, complete on disk at every moment.

`checkpoints/` has a `state-<step>.pt` for each of the two newest checkpoints, and the replay in
pieces `replay-<first>-<last>.pt` that are written once. A checkpoint exists once its
`manifest-<step>.json`, with the names and checksums of its files, has been renamed into place.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import torch

from ddpg.errors import CheckpointError, DamagedCheckpointError, StateError
from ddpg.replay import ReplayBuffer
from ddpg.runs.files import flush_folder, names_path, read_regular, write_file
from ddpg.runs.loading import load_plain
from ddpg.runs.manifest import (
    FORMAT,
    Manifest,
    Piece,
    manifest_file,
    manifest_steps,
    may_be_deleted,
    piece_file,
    read_manifest,
    state_file,
)

_NEWEST = 2
"""Number of checkpoints that are kept."""
_DUE = "evaluation_due"
"""Name in a manifest of a checkpoint whose evaluation was interrupted."""
_LONGEST_PIECE = 50_000
"""Transitions. A piece is assembled in memory before it is written."""


class Checkpoints:
    """Checkpoints of one run.

    Args:
        folder: their folder; the first `save` creates it.
        identity: plain values by name that a checkpoint must have in common with the run that
            loads it.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any] | None = None):
        self.folder = folder
        # Through JSON, which turns tuples into lists, as in a manifest.
        self.identity: dict[str, Any] = json.loads(json.dumps(identity or {}))
        self.is_evaluation_due = False
        """True if the newest checkpoint is of an evaluation that was interrupted."""
        self._pieces: list[Piece] = []
        self._history: list[int] = []
        """Steps of this run's checkpoints. After resuming from the previous one, the newest on
        disk is not among them."""

    def save(
        self,
        step: int,
        state: dict[str, Any],
        replay: ReplayBuffer,
        is_evaluation_due: bool = False,
    ) -> None:
        """Write a checkpoint at environment step `step`, then delete all but the two newest.

        Args:
            step: environment steps done.
            state: tensors, numbers, strings, and lists and dicts of them.
            replay: transitions added since the last checkpoint are written as new pieces.
            is_evaluation_due: the evaluation of this step was interrupted. A later checkpoint of
                the same step replaces this one.

        Raises:
            OSError: a file cannot be written. Earlier checkpoints stay complete.
        """
        if self._history and step == self._history[-1]:
            if not self.is_evaluation_due:
                return
            self._history.pop()
        self._create_folder()
        for other in set(self.steps()) - set(self._history):
            self._manifest_path(other).unlink()
        pieces = self._write_pieces(replay)
        manifest = Manifest(
            format=FORMAT,
            step=step,
            state_sha256=self._write_torch(state_file(step), state),
            added=replay.added,
            pieces=pieces,
            made_of={**self.identity, **({_DUE: True} if is_evaluation_due else {})},
        )
        # After a power loss too, no manifest names a file that is not there.
        with names_path(self.folder):
            flush_folder(self.folder)
        write_file(self._manifest_path(step), manifest.to_json())
        self._pieces, self.is_evaluation_due = pieces, is_evaluation_due
        self._history.append(step)
        self._delete_all_but_newest()

    def load(
        self, replay: ReplayBuffer, which: Literal["newest", "previous"] = "newest"
    ) -> dict[str, Any]:
        """Read a checkpoint: fill `replay`, and return the state.

        Raises:
            CheckpointError: there is no checkpoint, or it belongs to another run.
            DamagedCheckpointError: one of its files differs from what was written.
        """
        return self._read(which, lambda step: self._load(step, replay))

    def _load(self, step: int, replay: ReplayBuffer) -> dict[str, Any]:
        earlier = [each for each in self.steps() if each < step]
        try:
            manifest = read_manifest(self.folder, step)
            self._require_identity(manifest)
            self._require_all_pieces(manifest, replay)
            for piece in manifest.pieces:
                rows = self._read_torch(piece.file, piece.sha256)
                self._require_rows(piece, rows, replay)
                positions = torch.arange(piece.first, piece.last) % replay.capacity
                replay.rows[:, positions.to(replay.rows.device)] = rows.to(replay.rows.device)
            state = self._read_torch(state_file(step), manifest.state_sha256)
        except DamagedCheckpointError as error:
            error.before = earlier[-1] if earlier else None
            raise
        replay.added = manifest.added
        self._pieces, self.is_evaluation_due = manifest.pieces, _DUE in manifest.identity
        self._history = [*earlier, step]
        return state

    def load_state(self) -> dict[str, Any]:
        """Read the newest checkpoint without its replay.

        Raises:
            CheckpointError: there is no checkpoint.
            DamagedCheckpointError: it differs from what was written.
        """

        def state_of(step: int) -> dict[str, Any]:
            manifest = read_manifest(self.folder, step)
            return self._read_torch(state_file(step), manifest.state_sha256)

        return self._read("newest", state_of)

    def _read(
        self, which: Literal["newest", "previous"], read: Callable[[int], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return `read(step)` of a checkpoint, or of a later one if a training replaced it."""
        while True:
            step = self._step(which)
            try:
                return read(step)
            except DamagedCheckpointError:
                if self._step(which) == step:
                    raise

    def state_path(self, which: Literal["newest", "previous"] = "newest") -> Path:
        """Return the path of the state of a checkpoint.

        Raises:
            CheckpointError: there is no checkpoint.
        """
        return self.folder / state_file(self._step(which))

    def latest_step(self) -> int | None:
        """Return the environment step of the newest checkpoint, or None."""
        steps = self.steps()
        return steps[-1] if steps else None

    def has_reached(self, step: int) -> bool:
        """Return whether the newest checkpoint is of `step` or later, and its evaluation ended."""
        latest = self.latest_step()
        if latest is None or latest < step:
            return False
        try:
            return _DUE not in read_manifest(self.folder, latest).identity
        except CheckpointError:
            return True

    def steps(self) -> list[int]:
        """Return the environment steps of the checkpoints, in order."""
        return manifest_steps(self.folder)

    def _step(self, which: Literal["newest", "previous"]) -> int:
        steps = self.steps()
        needed = {"newest": 1, "previous": 2}[which]
        if len(steps) < needed:
            raise CheckpointError(
                f"{self.folder} holds no checkpoint"
                + (" before the newest" if which == "previous" and steps else "")
            )
        return steps[-needed]

    def _manifest_path(self, step: int) -> Path:
        return self.folder / manifest_file(step)

    def _create_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir()
            with names_path(self.folder):
                flush_folder(self.folder.parent)

    def _require_identity(self, manifest: Manifest) -> None:
        """Raise a CheckpointError if the checkpoint belongs to another run."""
        for name, value in self.identity.items():
            if manifest.identity.get(name) != value:
                raise CheckpointError(
                    f"cannot load {self._manifest_path(manifest.step)}: its {name} is "
                    f"{manifest.identity.get(name)!r}; allowed: {value!r}, as in this run"
                )

    def _require_all_pieces(self, manifest: Manifest, replay: ReplayBuffer) -> None:
        """Raise a CheckpointError unless the pieces fill a replay of that capacity."""
        if not manifest.has_all_pieces(replay.capacity):
            raise CheckpointError(
                f"cannot load {self._manifest_path(manifest.step)}: its {len(manifest.pieces)} "
                "pieces of replay do not follow each other; allowed: all from transition "
                f"{max(manifest.added - replay.capacity, 0):,} up to {manifest.added:,}"
            )

    def _require_rows(self, piece: Piece, rows: Any, replay: ReplayBuffer) -> None:
        """Raise a CheckpointError unless `rows` has the shape of the piece and is finite."""
        path = self.folder / piece.file
        members, _, width = replay.rows.shape
        shape = (members, piece.last - piece.first, width)
        if not (torch.is_tensor(rows) and rows.dtype == torch.float32 and rows.shape == shape):
            raise CheckpointError(
                f"cannot load {path}: it is not a piece of this run's replay; allowed: a tensor "
                f"of torch.float32 of shape {[*shape]}"
            )
        if not rows.isfinite().all():
            raise CheckpointError(
                f"cannot load {path}: a transition is not finite; allowed: finite numbers"
            )

    def _write_pieces(self, replay: ReplayBuffer) -> list[Piece]:
        """Write the transitions that no piece has yet; return all pieces that are needed."""
        oldest = replay.added - replay.capacity
        pieces = [piece for piece in self._pieces if piece.last > oldest]
        first = max(pieces[-1].last if pieces else 0, oldest)
        while first < replay.added:
            last = min(first + _LONGEST_PIECE, replay.added)
            sha256 = self._write_torch(piece_file(first, last), _rows(replay, first, last))
            pieces.append(Piece(first, last, sha256))
            first = last
        return pieces

    def _write_torch(self, name: str, value: Any) -> str:
        """Write `value` to the file `name`; return its checksum."""
        # Through memory: torch.save to a full disk does not give the reason of its failure.
        buffer = io.BytesIO()
        torch.save(value, buffer)
        content = buffer.getbuffer()
        write_file(self.folder / name, content, flush_name=False)
        return hashlib.sha256(content).hexdigest()

    def _read_torch(self, name: str, sha256: str) -> Any:
        path = self.folder / name
        try:
            content = read_regular(path)
        except OSError as error:
            raise DamagedCheckpointError(f"cannot load {path}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DamagedCheckpointError(
                f"cannot load {path}: it is damaged (its SHA-256 differs from the manifest's)"
            )
        try:
            return load_plain(content)
        except StateError as error:
            raise CheckpointError(f"cannot load {path}: {error}") from error

    def _delete_all_but_newest(self) -> None:
        """Delete every file of a checkpoint that the newest ones do not need."""
        for step in self._history[:-_NEWEST]:
            self._manifest_path(step).unlink(missing_ok=True)
        self._history = self._history[-_NEWEST:]
        needed = set()
        for step in self._history:
            needed |= self._files(step)
        for file in list(self.folder.iterdir()):
            if may_be_deleted(file.name) and file.name not in needed:
                file.unlink()

    def _files(self, step: int) -> set[str]:
        """Return the names of the files of a checkpoint, or none if its manifest is damaged."""
        try:
            return read_manifest(self.folder, step).files()
        except CheckpointError:
            return set()


def _rows(replay: ReplayBuffer, first: int, last: int) -> torch.Tensor:
    positions = torch.arange(first, last) % replay.capacity
    return replay.rows[:, positions.to(replay.rows.device)].cpu()
