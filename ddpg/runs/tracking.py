"""Curves of a run: `metrics.csv`, `weights.csv`, and one TensorBoard run per member."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ddpg.config.settings import Config
from ddpg.isolation.live import ScalarWriter
from ddpg.isolation.render.matrix import Matrix
from ddpg.runs.csv_log import CsvLog
from ddpg.runs.files import names_path
from ddpg.runs.folder import RunFolder
from ddpg.runs.tags import (
    EPISODE_LENGTH,
    INFO,
    RETURN_DISCOUNTED,
    RETURN_EVALUATION,
    RETURN_TRAINING,
    SEPARATION,
    SPEED,
    UPDATE_TAGS,
    VALUE_Q_START,
)
from ddpg.runs.tensorboard import matrix_summary, open_writer, points

_TAGS = (
    RETURN_EVALUATION,
    RETURN_DISCOUNTED,
    RETURN_TRAINING,
    EPISODE_LENGTH,
    VALUE_Q_START,
    *UPDATE_TAGS.values(),
)


def curve_tags(separation: Sequence[str], info: Sequence[str]) -> list[str]:
    """Return every tag of a run's curves.

    Args:
        separation: `<update>/<module>/<quantity>` of every quantity that the audit measures.
        info: names of the logged values of `info`.
    """
    logged = (f"{INFO}/{name}" for name in info)
    return [*_TAGS, *logged, *(f"{SEPARATION}/{tag}" for tag in separation), SPEED]


class Tracker:
    """Writer of every curve of a run. The x axis is environment steps of one member.

    Args:
        config: the run's settings, shown in the hparams tab.
        folder: the run folder.
        separation: `<update>/<module>/<quantity>` of every quantity that the audit measures.
        resumed_at: environment step of the loaded checkpoint, or None.
        rows: rows of `metrics.csv` and `weights.csv` at the checkpoint, if it holds them.
        other: gets every point too; with several members, tags begin with `seed-<k>/`.

    Raises:
        ConfigError: a resumed run did not write one of its CSV files, or rows are missing.
        OSError: a file cannot be written.
    """

    def __init__(
        self,
        config: Config,
        folder: RunFolder,
        separation: Sequence[str],
        resumed_at: int | None,
        rows: Sequence[int] = (),
        other: ScalarWriter | None = None,
    ):
        # Speed does not depend on config and seed only.
        columns = [tag for tag in curve_tags(separation, config.log_info) if tag != SPEED]
        stored = rows or (None, None)
        metrics = CsvLog(folder.metrics_file, columns, resumed_at, stored[0])
        weights = CsvLog(folder.weights_file, ["sha256"], resumed_at, stored[1])
        # Both are checked before either is changed.
        self.metrics, self.weights = metrics.open(), weights.open()
        self.folder = folder
        self._other = other
        one = config.members == 1
        self._prefixes = ["" if one else f"seed-{config.seed + k}/" for k in range(config.members)]
        self.members = range(config.members)
        self._thread_hook = threading.excepthook
        threading.excepthook = self._on_thread_error
        self.writers = [
            open_writer(folder.member(seed), config, seed, resumed_at)
            for seed in range(config.seed, config.seed + config.members)
            if config.tensorboard
        ]
        """One per member; none without `tensorboard`."""
        self.pending: dict[str, NDArray[np.floating]] = {}
        """Tag -> values `[member]` of the next `write`."""

    @property
    def rows(self) -> list[int]:
        """Numbers of rows of `metrics.csv` and `weights.csv`."""
        return [self.metrics.rows, self.weights.rows]

    def add(self, tag: str, values: NDArray[np.floating]) -> None:
        """Store `values` `[member]` for the next `write`; NaN means no value."""
        self.pending[tag] = values

    def write(self, step: int) -> None:
        """Write the added values as points and rows of environment step `step`."""
        row, self.pending = self.pending, {}
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
                    writer.file_writer.add_summary(points(values), step)
            if self._other is not None:
                for tag, value in values.items():
                    self._other.add_scalar(self._prefixes[member] + tag, value, step)
            exact = {tag: value for tag, value in values.items() if tag != SPEED}
            if exact:
                self.metrics.write(step, member, exact)

    def write_weights(self, step: int, hashes: Sequence[str], members: NDArray[np.bool_]) -> None:
        """Write the hashes of weights at step `step` of the members that are True in `members`."""
        for member in np.flatnonzero(members).tolist():
            self.weights.write(step, member, {"sha256": hashes[member]})

    def write_matrix(self, step: int, member: int, matrix: Matrix, caption: str) -> None:
        """Write a separation matrix as a picture and as text in TensorBoard."""
        with names_path(self.folder.path):
            for writer in self.writers[member : member + 1]:
                writer.file_writer.add_summary(matrix_summary(matrix, caption), step)

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
