"""Report as JSON."""

import dataclasses
import json
import math
from enum import IntEnum
from typing import Any

from torch import Tensor

from ..results import Cell, Finding, Results


def to_json(results: Results) -> str:
    """Return `kept`, `cells`, `findings` and `notes` as JSON; NaN and infinities are strings."""
    return json.dumps(
        {
            "kept": results.kept,
            "cells": [_flat(cell) for cell in results.cells],
            "findings": [_flat(finding) for finding in results.findings],
            "notes": results.notes,
        },
        indent=2,
        allow_nan=False,
    )


def _flat(entry: Cell | Finding) -> dict[str, Any]:
    fields = dataclasses.asdict(entry)
    del fields["row"]
    return {"update": entry.update, **_plain(fields)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Tensor):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, IntEnum):
        return int(value)
    return value
