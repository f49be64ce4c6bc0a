"""Run folders as a training writes them, with curves that the test chooses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ddpg.comparison.stop_warnings import ignore_stop_warnings
from ddpg.config.settings import Config
from ddpg.runs.csv_log import CsvLog
from ddpg.runs.folder import RunFolder

MODULES = ("actor", "critic", "actor_target", "critic_target")
GRADES = {"critic_update/critic": 3, "actor_update/actor": 3}
"""Grades of a correct agent: each update moves its own network alone."""


def write_run(
    folder: Path,
    name: str,
    height: Callable[[int, int], float] | float | None = None,
    grades: dict[str, int] = GRADES,
    **settings: Any,
) -> Path:
    """Write a finished run whose evaluation returns are `height(seed, step)`, or all `height`.

    The default is seed + step / 100.
    """
    if height is None:
        return write_run(folder, name, lambda seed, step: seed + step / 100, grades, **settings)
    given = {"members": 3, "steps": 400, "evaluation_every": 100, **settings}
    with ignore_stop_warnings():
        config = Config(runs=str(folder), name=name, **given)
        run = RunFolder.create(config)
    separation = {
        f"separation/{update}/{module}/{quantity}": grades.get(f"{update}/{module}", 0) * factor
        for update in ("critic_update", "actor_update")
        for module in MODULES
        for quantity, factor in (("grade", 1), ("gradient_norm", 0.5), ("movement", 0.01))
    }
    tags = ["return/evaluation", "return/discounted", "value/q_start", "value/q", "value/target"]
    losses = ["loss/critic", "loss/actor"]
    file = CsvLog(run.metrics_file, [*tags, *losses, *separation], None).open()
    for step in np.arange(100, config.steps + 1, 100).tolist():
        for member in range(config.members):
            value = height(config.seed + member, step) if callable(height) else height
            row = {tag: value / (index + 1) for index, tag in enumerate([*tags, *losses])}
            file.write(step, member, row | separation)
    file.close()
    return run.path
