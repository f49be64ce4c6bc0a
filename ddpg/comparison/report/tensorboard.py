"""TensorBoard runs of a report: one run per variant, beside the one per member of each run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddpg.comparison.report.analysis import Analysis
from ddpg.comparison.report.reading import SUMMARY
from ddpg.comparison.report.statistics import quartile_band
from ddpg.runs.tags import RETURN_DISCOUNTED, RETURN_EVALUATION, VALUE_Q_START
from ddpg.runs.tensorboard import chart, separation_charts, write_settings

_LOW, _HIGH = f"{RETURN_EVALUATION}/low", f"{RETURN_EVALUATION}/high"
"""Tags of the interval of the return."""


def write_summary_runs(folder: Path, analyses: Sequence[Analysis]) -> None:
    """Write `summary/<section>/<variant>` into a folder that has no `summary` yet.

    Each run has the interquartile mean over members of every tag, and the 95 % interval of the
    return. `tensorboard --logdir FOLDER/summary` then compares stops, one line per variant.
    """
    # Importing TensorBoard takes as long as importing torch.
    from torch.utils.tensorboard.writer import SummaryWriter

    for analysis in analyses:
        section = analysis.section
        for summary in analysis.curves:
            for variant in summary.curve.variants:
                name = "".join(c if c.isalnum() or c in "+-_.=" else "_" for c in variant.label)
                path = folder / SUMMARY / section.key / name
                with SummaryWriter(str(path)) as writer:
                    for tag, series in variant.series.items():
                        if tag != RETURN_EVALUATION:
                            steps, value, *_ = quartile_band(series)
                            for step, each in zip(steps, value, strict=True):
                                writer.add_scalar(tag, each, int(step))
                    for step, value, low, high in zip(*summary.returns[:4], strict=True):
                        writer.add_scalar(RETURN_EVALUATION, value, int(step))
                        writer.add_scalar(_LOW, low, int(step))
                        writer.add_scalar(_HIGH, high, int(step))
                    writer.add_custom_scalars(_layout(section.update))
                    settings = variant.config.to_dict()
                    # Its seeds are the members of the mean.
                    del settings["seed"]
                    write_settings(writer, settings)


def _layout(update: str) -> dict[str, dict[str, Any]]:
    """Return charts of the return with its interval, and of the section's update per module."""
    returns = ["Margin", [RETURN_EVALUATION, _LOW, _HIGH]]
    title = "return, interquartile mean and 95 % interval"
    return {
        update.replace("_", " "): {title: returns, **dict(separation_charts(update))},
        "values": {
            "Q at the start and discounted return": chart(VALUE_Q_START, RETURN_DISCOUNTED),
        },
    }
