"""The curves and the progress of a training run."""

import time
import warnings
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.errors import RunWarning
from ddpg.evaluation.episodes import Episodes
from ddpg.replay import Batch
from ddpg.runs import tags
from ddpg.runs.tracking import Tracker
from ddpg.runs.weight_hash import hash_weights
from ddpg.training import separation
from ddpg.training.audit_window import AuditWindow
from ddpg.training.progress import Progress, Report
from ddpg.training.state import TrainingState
from ddpg.training.stopping import Stopping


class Recorder:
    """Points of a run's curves, without dropped members, and reports of its progress.

    Args:
        state: state of the run.
        tracker: writer of the curves.
        report: called with each `Progress`; True ends the run.
    """

    def __init__(self, state: TrainingState, tracker: Tracker, report: Report):
        self.state = state
        self.tracker = tracker
        self._report = report
        self.stopping = Stopping(state)
        self._missing: set[str] = set()
        self._newest: dict[str, NDArray[np.floating]] = {}
        self.audits = AuditWindow()
        """Audits since the last evaluation."""
        if state.step:
            metrics = tracker.folder.metrics_file
            self.audits = AuditWindow.read(metrics, state.config.members)
        self.restart_clock()

    def restore(self, pending: Mapping[str, list[float]]) -> None:
        """Add the values of a step whose evaluation was interrupted."""
        values = {tag: np.array(each) for tag, each in pending.items()}
        for tag, each in values.items():
            self.tracker.add(tag, each)
        prefix = f"{tags.SEPARATION}/"
        audit = {tag.removeprefix(prefix): values[tag] for tag in values if tag.startswith(prefix)}
        if audit:
            self.audits.add(audit)

    def report(self, activity: str = "") -> None:
        """Report the progress; `activity` delays the next step."""
        state = self.state
        steps, returns = state.config.steps, state.returns
        values = dict(self._newest)
        progress = Progress(state.step, steps, returns, state.verdict, values, activity)
        if self._report(progress) is True:
            self.stopping.is_requested = True

    def warn(self, member: int, text: str) -> None:
        """Warn, and add the text to the member's TensorBoard run."""
        warnings.warn(text, RunWarning, stacklevel=2)
        self.tracker.note(self.state.step, member, text)

    def note(self, text: str) -> None:
        """Add a text to every member's TensorBoard run."""
        for member in range(self.state.config.members):
            self.tracker.note(self.state.step, member, text)

    def restart_clock(self) -> None:
        """Measure the speed from this step."""
        self._clock = time.perf_counter(), self.state.step

    def add_episodes(self, ended: NDArray[np.bool_]) -> None:
        """Add return and length of the episodes that are True in `ended` `[member]`."""
        state = self.state
        self._add(tags.RETURN_TRAINING, np.where(ended, state.episode_return, np.nan))
        self._add(tags.EPISODE_LENGTH, np.where(ended, state.episode_length, np.nan))
        for name, mean in state.info.means().items():
            self._add(f"{tags.INFO}/{name}", np.where(ended, mean, np.nan))
            if np.isnan(mean[ended]).all():
                self._warn_missing(name, int(np.flatnonzero(ended)[0]))

    def _warn_missing(self, name: str, member: int) -> None:
        """Warn once that an episode had no value to log."""
        if name not in self._missing:
            self._missing.add(name)
            self.warn(member, f"log_info: no step of an episode has {name!r} in its info")

    def add_separation(self, batch: Batch) -> None:
        """Audit an update on `batch`, without an effect on the run, and add the result."""
        values, self.state.verdict = separation.measure(self.state.agent, batch)
        self.audits.add(values)
        for tag, value in values.items():
            self._add(f"{tags.SEPARATION}/{tag}", value)

    def add_metrics(self) -> None:
        """Add the mean of each loss and value since the last point, and the speed."""
        state = self.state
        for field, mean in state.window.means().items():
            self._add(tags.UPDATE_TAGS[field], mean)
        state.window.clear()
        state.logged_at = state.step
        started, first_step = self._clock
        self.restart_clock()
        speed = (state.step - first_step) / (self._clock[0] - started)
        self.tracker.add(tags.SPEED, np.full(state.config.members, speed))
        self.report()

    def add_evaluation(self, episodes: Episodes) -> None:
        """Add the returns of an evaluation, the values that predict them, and weight hashes."""
        state = self.state
        first_observation = torch.from_numpy(episodes.first_observation).to(state.device)
        value = state.agent.value(first_observation).mean(dim=(1, 2)).cpu().numpy()
        state.returns = np.where(state.alive, episodes.returns.mean(axis=1), np.nan)
        self._add(tags.RETURN_EVALUATION, state.returns)
        self._add(tags.RETURN_DISCOUNTED, episodes.discounted.mean(axis=1))
        self._add(tags.VALUE_Q_START, value)
        hashes = hash_weights(state.agent.modules, state.config.members)
        self.tracker.write_weights(state.step, hashes, state.alive)
        self._write_matrices()
        self.report()

    def _write_matrices(self) -> None:
        """Write the matrix of the audits since the last evaluation, per member."""
        audits, state = self.audits, self.state
        if len(audits) and self.tracker.writers:
            count = "1 audit" if len(audits) == 1 else f"{len(audits)} audits"
            caption = f"highest grade in {count} up to step {state.step:,}"
            for member in np.flatnonzero(state.alive).tolist():
                self.tracker.write_matrix(state.step, member, audits.matrix(member), caption)
        audits.clear()

    def _add(self, tag: str, values: NDArray[np.floating]) -> None:
        """Add `values` `[member]` to the next point."""
        self._newest[tag] = np.where(self.state.alive, values, np.nan)
        self.tracker.add(tag, self._newest[tag])
