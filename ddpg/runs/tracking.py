"""Curves of a run: `metrics.csv`, `weights.csv`, and one TensorBoard run per member."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.runs.csv_log import CsvLog
from ddpg.runs.files import names_path
from ddpg.runs.folder import RunFolder

RETURN_EVALUATION = "return/evaluation"
RETURN_DISCOUNTED = "return/discounted"
RETURN_TRAINING = "return/training"
EPISODE_LENGTH = "episode/length"
LOSS_CRITIC = "loss/critic"
LOSS_ACTOR = "loss/actor"
VALUE_Q = "value/q"
VALUE_TARGET = "value/target"
VALUE_Q_START = "value/q_start"
SEPARATION = "separation"
SPEED = "speed/environment_steps_per_second"

UPDATE_TAGS = {
    "critic_loss": LOSS_CRITIC,
    "actor_loss": LOSS_ACTOR,
    "q": VALUE_Q,
    "target": VALUE_TARGET,
}
"""Field of `agent.Metrics` -> tag."""

_COMPARED = ("stop", "actor_stop", "bootstrap_actor", "manual_scale", "env")
"""Settings in the hparams tab. The text tab has all settings."""

_TAGS = (
    RETURN_EVALUATION,
    RETURN_DISCOUNTED,
    RETURN_TRAINING,
    EPISODE_LENGTH,
    VALUE_Q_START,
    *UPDATE_TAGS.values(),
)


class Tracker:
    """Writer of every curve of a run. The x axis is environment steps of one member.

    Args:
        config: the run's settings, shown in the hparams tab.
        folder: the run folder.
        separation: `<update>/<module>/<quantity>` of every quantity that the audit measures.
        resumed_at: environment step of the loaded checkpoint, or None.

    Raises:
        ConfigError: a resumed run did not write one of its CSV files.
        OSError: a file cannot be written.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        separation: Sequence[str],
        resumed_at: int | None,
    ):
        separation = [f"{SEPARATION}/{tag}" for tag in separation]
        metrics = CsvLog(folder.metrics_file, [*_TAGS, *separation], resumed_at)
        weights = CsvLog(folder.weights_file, ["sha256"], resumed_at)
        # Both are checked before either is changed.
        self.metrics, self.weights = metrics.open(), weights.open()
        self.folder = folder
        self.members = range(config.members)
        self._thread_hook = threading.excepthook
        threading.excepthook = self._on_thread_error
        self.writers = [
            _open_writer(folder.member(config.seed + member), config, separation, resumed_at)
            for member in self.members
            if config.tensorboard
        ]
        """One per member; none without `tensorboard`."""
        self._pending: dict[str, NDArray[np.floating]] = {}

    def add(self, tag: str, values: NDArray[np.floating]) -> None:
        """Store `values` `[member]` for the next `write`; NaN means no value."""
        self._pending[tag] = values

    def write(self, step: int) -> None:
        """Write the added values as points and rows of environment step `step`."""
        row, self._pending = self._pending, {}
        if not row:
            return
        for member in self.members:
            values = {
                tag: float(value[member])
                for tag, value in row.items()
                if not np.isnan(value[member])
            }
            if not values:
                continue
            with names_path(self.folder.path):
                for writer in self.writers[member : member + 1]:
                    writer.file_writer.add_summary(_points(values), step)
            # Speed does not depend on config and seed only.
            exact = {tag: value for tag, value in values.items() if tag != SPEED}
            if exact:
                self.metrics.write(step, member, exact)

    def write_weights(self, step: int, hashes: Sequence[str], members: NDArray[np.bool_]) -> None:
        """Write the hashes of weights at step `step` of the members that are True in `members`."""
        for member in np.flatnonzero(members).tolist():
            self.weights.write(step, member, {"sha256": hashes[member]})

    def note(self, step: int, member: int, text: str) -> None:
        """Add a sentence to the member's text in TensorBoard."""
        for writer in self.writers[member : member + 1]:
            writer.add_text("note", text, step)

    def sync(self) -> None:
        """Flush the curves, so that no checkpoint is ahead of them."""
        self.metrics.sync()
        self.weights.sync()
        with names_path(self.folder.path):
            for writer in self.writers:
                writer.flush()

    def close(self) -> None:
        """Flush and close every file."""
        try:
            self.metrics.close()
            self.weights.close()
            with names_path(self.folder.path):
                for writer in self.writers:
                    writer.close()
        finally:
            threading.excepthook = self._thread_hook

    def _on_thread_error(self, arguments: threading.ExceptHookArgs) -> None:
        """Ignore an OSError in a writer's thread: the writer raises it again in the next call."""
        if not isinstance(arguments.exc_value, OSError):
            self._thread_hook(arguments)


def _open_writer(run: Path, config: Config, separation: list[str], resumed_at: int | None) -> Any:
    """Open the TensorBoard run of one member; write layout and settings unless they exist."""
    # Importing TensorBoard is slow, and importing ddpg must stay fast.
    from torch.utils.tensorboard.writer import SummaryWriter

    described = bool(resumed_at) and run.is_dir()
    _wait_for_a_later_name(run)
    # Purging from step 0 also hides layout and settings, so they are written again.
    writer = SummaryWriter(str(run), purge_step=resumed_at + 1 if resumed_at else resumed_at)
    if not described:
        _describe(writer, config, separation)
    return writer


def _points(values: Mapping[str, float]) -> Any:
    """Return tag -> value as one event, which wakes the writer's thread only once."""
    from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (generated)

    return Summary(value=[{"tag": tag, "simple_value": value} for tag, value in values.items()])


def _wait_for_a_later_name(run: Path) -> None:
    """Wait up to 1 s: TensorBoard orders event files by the second in their names."""
    seconds = [int(file.name.split(".")[3]) for file in run.glob("events.out.tfevents.*")]
    time.sleep(min(max(max(seconds, default=0) + 1 - time.time(), 0.0), 1.0))


def _describe(writer: Any, config: Config, separation: list[str]) -> None:
    """Write the custom-scalars layout, hparams and settings of one TensorBoard run."""
    from torch.utils.tensorboard.summary import hparams

    def charts(update: str) -> dict[str, list[Any]]:
        tags = [tag for tag in separation if tag.startswith(f"{SEPARATION}/{update}/")]
        return {
            "return": ["Multiline", [RETURN_EVALUATION, RETURN_TRAINING]],
            **{
                f"{update}: {quantity}": [
                    "Multiline",
                    [tag for tag in tags if tag.endswith(f"/{quantity}")],
                ]
                for quantity in ("grade", "movement", "gradient_norm")
            },
        }

    writer.add_custom_scalars(
        {
            "separation in the critic update": charts("critic_update"),
            "separation in the actor update": charts("actor_update"),
            "values and losses": {
                "Q and its target": ["Multiline", [VALUE_Q, VALUE_TARGET]],
                "Q at the start and discounted return": [
                    "Multiline",
                    [VALUE_Q_START, RETURN_DISCOUNTED],
                ],
                "losses": ["Multiline", [LOSS_CRITIC, LOSS_ACTOR]],
            },
        }
    )
    writer.add_text("config", f"```\n{config.to_yaml()}```")
    settings = {name: str(value) for name, value in config.to_dict().items() if name in _COMPARED}
    for summary in hparams(settings, {RETURN_EVALUATION: 0.0}):
        writer.file_writer.add_summary(summary)
