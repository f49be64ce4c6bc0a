"""TensorBoard runs of whole variants: a line a stop, where a run itself has a line a member."""

from collections.abc import Sequence
from pathlib import Path

from ddpg.comparison.report.analysis import Analysis
from ddpg.comparison.report.reading import SUMMARY
from ddpg.comparison.report.statistics import middle_half
from ddpg.comparison.report.variants import Section
from ddpg.runs.tracking import RETURN_DISCOUNTED, RETURN_EVALUATION, SEPARATION, VALUE_Q_START

LOW, HIGH = "low", "high"


def write_summary_runs(folder: Path, analyses: Sequence[Analysis]) -> None:
    """Write `summary/<section>/<variant>` into a folder that has no `summary` yet.

    Each has the interquartile mean over members of every tag under the tag's own name, and the
    95 % interval of the return as `<tag>/low` and `<tag>/high`, with a layout that draws the
    band, so that `tensorboard --logdir FOLDER/summary` compares stops at one glance.
    """
    # Importing TensorBoard takes as long as importing torch.
    from torch.utils.tensorboard.writer import SummaryWriter

    for analysis in analyses:
        section = analysis.section
        for score in analysis.scores:
            for variant in score.curve.variants:
                name = "".join(s if s.isalnum() or s in "+-_.=" else "_" for s in variant.label)
                place = folder / SUMMARY / section.key / name
                with SummaryWriter(str(place)) as writer:
                    for tag, series in variant.series.items():
                        if tag != RETURN_EVALUATION:
                            steps, value, *_ = middle_half(series)
                            for step, each in zip(steps, value, strict=True):
                                writer.add_scalar(tag, each, int(step))
                    band = score.returns
                    for step, value, low, high in zip(*band[:4], strict=True):
                        writer.add_scalar(RETURN_EVALUATION, value, int(step))
                        writer.add_scalar(f"{RETURN_EVALUATION}/{LOW}", low, int(step))
                        writer.add_scalar(f"{RETURN_EVALUATION}/{HIGH}", high, int(step))
                    writer.add_custom_scalars(_layout(section))


def _layout(section: Section) -> dict[str, dict[str, list[object]]]:
    """The return with its interval, then what the section's update did to each module."""
    tags = sorted({tag for variant in section.variants for tag in variant.series})
    separation = {
        f"{module}: {quantity.replace('_', ' ')}": [
            "Multiline",
            [tag for tag in tags if tag == f"{SEPARATION}/{section.update}/{module}/{quantity}"],
        ]
        for quantity in ("grade", "movement", "gradient_norm")
        for module in ("critic", "actor", "critic_target", "actor_target")
    }
    bounds = [RETURN_EVALUATION, f"{RETURN_EVALUATION}/{LOW}", f"{RETURN_EVALUATION}/{HIGH}"]
    values: list[object] = ["Multiline", [VALUE_Q_START, RETURN_DISCOUNTED]]
    return {
        "learning": {
            "return, interquartile mean and 95 % interval": ["Margin", bounds],
            "Q at the start, and what was earned": values,
        },
        section.update.replace("_", " "): {
            title: chart for title, chart in separation.items() if chart[1]
        },
    }
