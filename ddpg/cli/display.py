"""Texts and tables in the terminal."""

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from ddpg.evaluation.confidence import has_scipy
from ddpg.evaluation.scores import Evaluation, MemberScore
from ddpg.training.display import range_text


def returns_text(returns: NDArray[np.float64] | None) -> str:
    """Return the median and the range of the members' returns."""
    if returns is None or len(returns) == 1:
        return range_text(returns)
    return f"{np.nanmedian(returns):.0f} ({range_text(returns)})"


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return the scores of a run as a table, one row per member."""
    table = Table(
        # Text, since a string with brackets would be parsed as markup.
        title=Text(
            f"{evaluation.run}: {evaluation.env} after {evaluation.step:,} steps, "
            f"{evaluation.episodes} episodes from seed {evaluation.first_seed}"
        )
    )
    columns = ["seed", "mean"]
    if has_scipy():
        columns += ["IQM", "95 % interval of the IQM"]
    has_steps = len({member.step for member in evaluation.members}) > 1
    if has_steps:
        columns.append("step")
    for column in columns:
        table.add_column(column, justify="right")
    for member in evaluation.members:
        steps = [f"{member.step:,}"] if has_steps else []
        table.add_row(str(member.seed), f"{member.mean:.2f}", *_interval_texts(member), *steps)
    table.add_section()
    iqm = [f"{evaluation.iqm:.2f}", "of the members' means"] if has_scipy() else []
    table.add_row("all", f"{evaluation.mean:.2f}", *iqm)
    return table


def _interval_texts(member: MemberScore) -> list[str]:
    if not has_scipy():
        return []
    low, high = member.interval
    return [f"{member.iqm:.2f}", f"{low:.2f} … {high:.2f}"]
