"""`best/policy.pt` of a run: the best policy of each member, by evaluation."""

import io
from pathlib import Path
from typing import Any

import torch

from ddpg.errors import CheckpointError, StateError
from ddpg.runs.files import flush_folder, names_path, read_regular, write_file
from ddpg.runs.loading import load_plain


def write_best(path: Path, state: dict[str, Any]) -> None:
    """Write the best policies.

    Args:
        path: the file; its folder is created.
        state: tensors and plain values.

    Raises:
        OSError: the file cannot be written.
    """
    with names_path(path):
        if not path.parent.is_dir():
            path.parent.mkdir()
            flush_folder(path.parent.parent)
    content = io.BytesIO()
    torch.save(state, content)
    write_file(path, content.getbuffer())


def read_best(path: Path) -> Any:
    """Return what `write_best` wrote.

    Raises:
        CheckpointError: the run was never evaluated, or the file cannot be read.
    """
    try:
        return load_plain(read_regular(path))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"cannot load {path}: the run has no evaluation yet (evaluation_every)"
        ) from error
    except OSError as error:
        raise CheckpointError(f"cannot load {path}: {error.strerror}") from error
    except StateError as error:
        raise CheckpointError(f"cannot load {path}: {error}") from error
