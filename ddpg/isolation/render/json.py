"""The report as JSON."""

import dataclasses
import json
import math
from enum import IntEnum
from typing import Any

from torch import Tensor

from ..results import Results


def to_json(results: Results) -> str:
    """`kept`, `cells`, `findings`, `notes`; JSON has no NaN, so those are written as strings."""
    return json.dumps(
        {
            "kept": results.kept,
            "cells": [_plain(dataclasses.asdict(cell)) for cell in results.cells],
            "findings": [_plain(dataclasses.asdict(finding)) for finding in results.findings],
            "notes": results.notes,
        },
        indent=2,
        allow_nan=False,
    )


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
