"""TensorBoard files of a run: points, layout of the charts, and settings."""

import re
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ddpg.config.settings import Config
from ddpg.isolation.render.matrix import Matrix
from ddpg.runs.tags import (
    LOSS_ACTOR,
    LOSS_CRITIC,
    MODULES,
    QUANTITIES,
    RETURN_DISCOUNTED,
    RETURN_EVALUATION,
    RETURN_TRAINING,
    SEPARATION,
    UPDATES,
    VALUE_Q,
    VALUE_Q_START,
    VALUE_TARGET,
    separation_tag,
)

_NOT_COMPARED = {"runs", "name", "resume", "resume_from"}
"""Settings that are not in the HParams tab: the place of a run, which its name shows."""

_EVENT_FILE = re.compile(r"events\.out\.tfevents\.(\d{10})\.(.+)")
_LONGEST_WAIT = 1.0
"""Seconds to wait for a later name."""
_RGB = 3
"""Colour space of an image in TensorBoard's format."""


def open_writer(run: Path, config: Config, seed: int, resumed_at: int | None) -> Any:
    """Open the TensorBoard run of one member; write layout and settings unless they exist.

    Args:
        run: folder of the TensorBoard run.
        config: settings of the run.
        seed: seed of the member.
        resumed_at: environment step of the loaded checkpoint, or None.
    """
    # Importing TensorBoard is slow, and importing ddpg must stay fast.
    from torch.utils.tensorboard.writer import SummaryWriter

    described = bool(resumed_at) and run.is_dir()
    _make_names_earlier(run)
    # Purging from step 0 also hides layout and settings, so they are written again.
    # TensorBoard's slow loader purges at every session start except the first that it reads, so a
    # first start is one too.
    writer = SummaryWriter(str(run), purge_step=resumed_at + 1 if resumed_at else 0)
    if not described:
        writer.add_custom_scalars(_layout())
        writer.add_text("config", f"```\n{config.to_yaml()}```")
        write_settings(writer, {**config.to_dict(), "seed": seed})
    return writer


def points(values: Mapping[str, float]) -> Any:
    """Return tag -> value as one event, which wakes the writer's thread only once."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (generated)

    return Summary(value=[{"tag": tag, "simple_value": value} for tag, value in values.items()])


def matrix_summary(matrix: Matrix, caption: str) -> Any:
    """Return a separation matrix as one event with a picture and a Markdown table.

    Both have the tag `separation`, so the picture is the first card of that group.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (generated)
    from torch.utils.tensorboard.summary import text

    from ddpg.isolation.render.markdown import to_markdown
    from ddpg.isolation.render.png import to_png

    png = to_png(matrix, caption)
    # The header of a PNG file holds width and height at the bytes 16 and 20.
    width, height = struct.unpack(">II", png[16:24])
    image = Summary.Image(height=height, width=width, colorspace=_RGB, encoded_image_string=png)
    table = text(SEPARATION, f"{to_markdown(matrix)}\n\n{caption[0].upper()}{caption[1:]}.")
    return Summary(value=[Summary.Value(tag=SEPARATION, image=image), *table.value])


def write_settings(writer: Any, settings: Mapping[str, Any]) -> None:
    """Write settings for the HParams tab, which lists those first in which its runs differ.

    The tab shows every scalar as a metric: a list of metrics would also hide which settings differ.
    """
    from torch.utils.tensorboard.summary import hparams

    shown = {
        name: value if isinstance(value, int | float) else str(value)
        for name, value in settings.items()
        if name not in _NOT_COMPARED
    }
    _, start, end = hparams(shown, {})
    for summary in (start, end):
        writer.file_writer.add_summary(summary)


def chart(*tags: str) -> list[Any]:
    """Return a chart of the custom-scalars layout with exactly these tags."""
    # TensorBoard matches the beginning of a tag with a regular expression.
    return ["Multiline", [f"{tag}$" for tag in tags]]


def separation_charts(update: str) -> Iterator[tuple[str, Any]]:
    """Yield title and chart of each quantity of each module in one update."""
    for quantity in QUANTITIES:
        for module in MODULES:
            title = f"{module}: {quantity.replace('_', ' ')}"
            yield title, chart(separation_tag(update, module, quantity))


def _layout() -> dict[str, dict[str, list[Any]]]:
    """Return the charts of a run: one per update, module and quantity, beside the return."""
    returns = ("return", chart(RETURN_EVALUATION))
    return {
        **{
            update.replace("_", " "): dict([returns, *separation_charts(update)])
            for update in UPDATES
        },
        "values and losses": {
            "return while training": chart(RETURN_TRAINING),
            "Q and its target": chart(VALUE_Q, VALUE_TARGET),
            "Q at the start and discounted return": chart(VALUE_Q_START, RETURN_DISCOUNTED),
            "losses": chart(LOSS_CRITIC, LOSS_ACTOR),
        },
    }


def _make_names_earlier(run: Path) -> None:
    """Let the next event file have the last name: TensorBoard orders them by their seconds.

    A second is waited for. Where the clock went back further, the files get earlier names.
    """
    named = [(_EVENT_FILE.fullmatch(path.name), path) for path in sorted(run.glob("events.*"))]
    files = [(int(name[1]), name[2], path) for name, path in named if name]
    if not files:
        return
    wait = files[-1][0] + 1 - time.time()
    if wait <= _LONGEST_WAIT:
        time.sleep(max(wait, 0.0))
        return
    latest, renamed = int(time.time()), []
    for second, rest, path in reversed(files):
        latest = min(second, latest - 1)
        renamed.append((path, f"events.out.tfevents.{latest:010d}.{rest}"))
    # Each gets an earlier name than before, so the first can move first.
    for path, name in reversed(renamed):
        path.rename(run / name)
