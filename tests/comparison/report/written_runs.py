"""Run folders as a training writes them, with curves that are told in the test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ddpg.comparison.report.reading import already_warned
from ddpg.config.settings import Config
from ddpg.runs.csv_log import RowsFile
from ddpg.runs.folder import RunFolder

MODULES = ("actor", "critic", "actor_target", "critic_target")
GRADES = {"critic_update/critic": 3, "actor_update/actor": 3}
"""What an audit finds where everything is in order."""


def write_run(
    folder: Path,
    name: str,
    height: Callable[[int, int], float] | float | None = None,
    grades: dict[str, int] = GRADES,
    **settings: Any,
) -> Path:
    """A finished run whose return in evaluation is `height(seed, step)`, or `height` always.

    Without a height it is seed + step / 100.
    """
    if height is None:
        return write_run(folder, name, lambda seed, step: seed + step / 100, grades, **settings)
    given = {"members": 3, "steps": 400, "evaluation_every": 100, **settings}
    with already_warned():
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
    file = RowsFile(run.metrics_file, [*tags, *losses, *separation], None).open()
    for step in np.arange(100, config.steps + 1, 100).tolist():
        for member in range(config.members):
            value = height(config.seed + member, step) if callable(height) else height
            row = {tag: value / (index + 1) for index, tag in enumerate([*tags, *losses])}
            file.write(step, member, row | separation)
    file.close()
    return run.path
