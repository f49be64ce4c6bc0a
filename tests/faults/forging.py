"""Forged checkpoints: valid checksums, invalid content."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def forge(run: Path, change: Callable[[Any], Any]) -> None:
    """Replace the state of the newest checkpoint of `run` by `change(state)`."""
    file = sorted((run / "checkpoints").glob("state-*.pt"))[-1]
    state = change(torch.load(file, weights_only=True))
    rewrite(run, file.name, state)


def forge_replay(run: Path, change: Callable[[Any], Any]) -> None:
    """Replace the last piece of replay of the newest checkpoint by `change(rows)`."""
    file = sorted((run / "checkpoints").glob("replay-*.pt"))[-1]
    rewrite(run, file.name, change(torch.load(file, weights_only=True)))


def rewrite(run: Path, name: str, value: Any) -> None:
    """Replace the file `name` of the newest checkpoint and its checksums."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    (run / "checkpoints" / name).write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()

    def with_digest(content: dict[str, Any]) -> None:
        if name.startswith("state"):
            content["state_sha256"] = digest
        else:
            content["pieces"][-1][2] = digest

    forge_manifest(run, with_digest)


def forge_manifest(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the newest manifest in place, and its checksum."""
    manifest = sorted((run / "checkpoints").glob("manifest-*.json"))[-1]
    content = json.loads(manifest.read_text())
    del content["sha256"]
    change(content)
    text = json.dumps(content, sort_keys=True)
    content["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    manifest.write_text(json.dumps(content))
