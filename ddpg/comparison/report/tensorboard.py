"""TensorBoard runs of a report: one run per variant, beside the one per member of each run."""

from collections.abc import Sequence
from pathlib import Path

from ddpg.comparison.report.analysis import Analysis
from ddpg.comparison.report.reading import SUMMARY
from ddpg.comparison.report.sections import ReportSection
from ddpg.comparison.report.statistics import quartile_band
from ddpg.runs.tracking import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

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
                    writer.add_custom_scalars(_layout(section))


def _layout(section: ReportSection) -> dict[str, dict[str, list[object]]]:
    """Return charts of the return with its interval, and of the section's update per module."""
    tags = sorted({tag for variant in section.variants for tag in variant.series})
    separation = {
        f"{module}: {quantity.replace('_', ' ')}": [
            "Multiline",
            [tag for tag in tags if tag == f"{SEPARATION}/{section.update}/{module}/{quantity}"],
        ]
        for quantity in ("grade", "movement", "gradient_norm")
        for module in ("critic", "actor", "critic_target", "actor_target")
    }
    returns: list[object] = ["Margin", [RETURN_EVALUATION, _LOW, _HIGH]]
    values: list[object] = ["Multiline", [VALUE_Q_START, RETURN_DISCOUNTED]]
    return {
        "learning": {
            "return, interquartile mean and 95 % interval": returns,
            "Q at the start and discounted return": values,
        },
        section.update.replace("_", " "): {
            title: chart for title, chart in separation.items() if chart[1]
        },
    }
