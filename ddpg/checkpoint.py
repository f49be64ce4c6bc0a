"""Everything that a run needs to go on, written so that the last one is whole at every moment.

`checkpoints/` holds, for each of the two newest checkpoints, `state-<step>.pt`, and the replay in
pieces `replay-<first>-<last>.pt` that are written once and never changed. A checkpoint counts from
the moment that its `manifest-<step>.json`, which names its files, has its name.
"""

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddpg.replay import ReplayBuffer

_KEPT = 2


class CheckpointError(RuntimeError):
    """A checkpoint is missing or cannot be read; the message says which."""


@dataclass(frozen=True)
class _Piece:
    """Transitions `first` up to `last`, counted from the first that the run ever added."""

    first: int
    last: int

    @property
    def file(self) -> str:
        return f"replay-{self.first:012d}-{self.last:012d}.pt"


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: where they are; the first `save` makes it.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, step: int, state: dict[str, Any], replay: ReplayBuffer) -> None:
        """Write a checkpoint at environment step `step`, then drop all but the two newest.

        Args:
            step: environment steps done.
            state: tensors, numbers, strings, and lists and dicts of them.
            replay: what it gained since the last checkpoint goes into a piece of its own.
        """
        self.folder.mkdir(exist_ok=True)
        pieces = self._pieces(self.latest_step())
        first = max(pieces[-1].last if pieces else 0, replay.added - replay.capacity)
        if first < replay.added:
            piece = _Piece(first, replay.added)
            _write(self.folder / piece.file, lambda path: torch.save(_rows(replay, piece), path))
            pieces.append(piece)
        pieces = [p for p in pieces if p.last > replay.added - replay.capacity]
        state_file = f"state-{step:012d}.pt"
        _write(self.folder / state_file, lambda path: torch.save(state, path))
        manifest = {
            "step": step,
            "state": state_file,
            "added": replay.added,
            "pieces": [[piece.first, piece.last] for piece in pieces],
        }
        _write(self._manifest(step), lambda path: path.write_text(json.dumps(manifest)))
        self._drop_old()

    def load(self, replay: ReplayBuffer) -> dict[str, Any]:
        """Read the newest checkpoint: fill `replay`, and return the state.

        Raises:
            CheckpointError: there is none, or one of its files cannot be read.
        """
        step = self.latest_step()
        if step is None:
            raise CheckpointError(f"{self.folder} holds no checkpoint to go on from")
        manifest = self._read_manifest(step)
        for piece in self._pieces(step):
            rows = _read(self.folder / piece.file)
            positions = torch.arange(piece.first, piece.last) % replay.capacity
            replay.rows[:, positions.to(replay.rows.device)] = rows.to(replay.rows.device)
        replay.added = manifest["added"]
        return _read(self.folder / manifest["state"])

    def load_state(self) -> dict[str, Any]:
        """Read the newest checkpoint without its replay.

        Raises:
            CheckpointError: there is none, or it cannot be read.
        """
        step = self.latest_step()
        if step is None:
            raise CheckpointError(f"{self.folder} holds no checkpoint")
        return _read(self.folder / self._read_manifest(step)["state"])

    def latest_step(self) -> int | None:
        """Environment step of the newest checkpoint, or None."""
        steps = self._steps()
        return steps[-1] if steps else None

    def _steps(self) -> list[int]:
        return sorted(int(p.stem.split("-")[1]) for p in self.folder.glob("manifest-*.json"))

    def _manifest(self, step: int) -> Path:
        return self.folder / f"manifest-{step:012d}.json"

    def _read_manifest(self, step: int) -> dict[str, Any]:
        try:
            return json.loads(self._manifest(step).read_text())
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self._manifest(step)} cannot be read: {error}") from error

    def _pieces(self, step: int | None) -> list[_Piece]:
        if step is None:
            return []
        return [_Piece(*bounds) for bounds in self._read_manifest(step)["pieces"]]

    def _drop_old(self) -> None:
        steps = self._steps()
        for step in steps[:-_KEPT]:
            self._manifest(step).unlink()
        needed = set()
        for step in steps[-_KEPT:]:
            needed |= {piece.file for piece in self._pieces(step)}
            needed.add(self._read_manifest(step)["state"])
        for file in self.folder.glob("*.pt"):
            if file.name not in needed:
                file.unlink()


def _rows(replay: ReplayBuffer, piece: _Piece) -> torch.Tensor:
    positions = torch.arange(piece.first, piece.last) % replay.capacity
    return replay.rows[:, positions.to(replay.rows.device)].cpu()


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Give `path` its content all at once: written beside it, flushed to disk, then renamed."""
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        write(unfinished)
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} cannot be read: it is damaged, or holds more than tensors and plain values"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} cannot be read: {reason}") from error
