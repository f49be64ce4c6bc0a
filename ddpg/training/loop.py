"""The outer loop of algorithm 1, with its logging, evaluations and checkpoints."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np

from ddpg.config.settings import Config
from ddpg.config.types import EnvironmentSource
from ddpg.errors import EnvironmentFaultError
from ddpg.evaluation.episodes import Evaluator
from ddpg.fast.compiled import CompiledUpdate
from ddpg.isolation.live import ScalarWriter
from ddpg.isolation.sampling import WindowSampler
from ddpg.normalization.agent import policy_of
from ddpg.runs.best_file import write_best
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder, fixed_settings
from ddpg.runs.lock import FolderLock
from ddpg.runs.stored_curves import StoredCurves
from ddpg.runs.tracking import Tracker
from ddpg.training import separation
from ddpg.training.compilation import reported_update
from ddpg.training.device import deterministic, matmul_precision, resolve_device, threads
from ddpg.training.display import progress_display
from ddpg.training.divergence import DivergenceWatch
from ddpg.training.interaction import Interaction
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.preparation import EvaluationInterrupted, empty_replay, make_evaluator
from ddpg.training.progress import Report, TrainingResult, report_to
from ddpg.training.recorder import Recorder
from ddpg.training.schedule import UpdateSchedule, updates_between
from ddpg.training.starting_point import set_starting_point
from ddpg.training.state import TrainingState
from ddpg.training.storage import last_checkpoint, load_checkpoint, storage_errors


def train(
    config: Config,
    report: Report | None = None,
    env: EnvironmentSource | None = None,
    progress: bool = False,
    writer: ScalarWriter | None = None,
) -> TrainingResult:
    """Train `config.members` agents and write the run folder.

    Ctrl-C, SIGTERM and SIGHUP finish the step, write a checkpoint and return with `finished` False.
    A second signal acts as usual: Ctrl-C raises KeyboardInterrupt. PyTorch is in its deterministic
    mode, on `config.threads` threads, until the return.

    Args:
        config: all settings.
        report: called at the start, after each logged point and evaluation, and at the end. If it
            returns True, the run finishes the step, writes a checkpoint and ends.
        env: replaces `config.env`: a callable that returns a Gymnasium environment, such as a
            class, or a name.
        progress: show a bar on standard error; without a terminal, lines.
        writer: gets every point of TensorBoard's curves, by `add_scalar(tag, value, step)`; with
            several members, `seed-<k>/<tag>`. A resumed run repeats points after its checkpoint.

    Raises:
        ConfigError: the settings cannot be used, or the run's folder exists.
        CheckpointError: the checkpoint of a resumed run is missing, damaged or of another run.
        CompileError: the compiler failed.
        DivergenceError: a loss, gradient or value became NaN or infinite.
        EnvironmentFaultError: an environment did something wrong.
        StorageError: a file cannot be written.
    """
    if env is not None:
        config = replace(config, env=env)
    with (
        threads(config.threads),
        deterministic(),
        matmul_precision(config.matmul_precision),
        progress_display() if progress else nullcontext() as show,
    ):
        trainer = Trainer(config, report_to(report, show), writer)
        try:
            return trainer.run()
        finally:
            trainer.close()


class Trainer:
    """One run, from its folder to its last checkpoint.

    Args:
        config: all settings.
        report: called with each `Progress`; True ends the run.
        writer: see `train`.
    """

    def __init__(self, config: Config, report: Report, writer: ScalarWriter | None = None):
        self.config = config
        self.state = TrainingState.initial(config, resolve_device(config.device))
        self.evaluator: Evaluator | None = None
        try:
            self._prepare(report, writer)
        except BaseException:
            # Their processes would live as long as this one.
            self._close_environments()
            raise

    def _prepare(self, report: Report, writer: ScalarWriter | None) -> None:
        """Create everything but the environments, the run folder last."""
        config = self.config
        self.agent = self.state.agent
        compiled_update = CompiledUpdate(self.agent) if config.compile else None
        self.replay = empty_replay(self.state)
        set_starting_point(self.state, self.replay)
        self.interrupt = InterruptFlag()
        if config.evaluation_every:
            self.evaluator = make_evaluator(self.state, self.interrupt)
        self.is_evaluating = False
        self.folder = (RunFolder.existing if config.resume else RunFolder.create)(config)
        self.checkpoints = Checkpoints(self.folder.checkpoints, self.state.identity())
        with storage_errors(self.folder, self.checkpoints):
            self.lock = FolderLock(self.folder.path)
            try:
                curves = StoredCurves()
                self.restarted: list[int] = []
                """Members whose environment could not be restored exactly."""
                if config.resume:
                    self.restarted, curves = load_checkpoint(
                        self.state, self.folder, self.checkpoints, self.replay
                    )
                is_due = self.checkpoints.is_evaluation_due
                self.is_evaluation_due = is_due and self.evaluator is not None
                # The rows of a step follow its evaluation.
                written = self.state.step - is_due
                resumed_at = written if config.resume else None
                columns = separation.tags(self.agent)
                tracker = Tracker(config, self.folder, columns, resumed_at, curves.rows, writer)
                changed: list[str] = []
                if config.resume:
                    changed = self.folder.store_config(config)
                    if np.isfinite(self.state.best.scores).any():
                        write_best(self.folder.best_file, self.state.best_policies())
            except BaseException:
                self.lock.release()
                raise
        self.recorder = Recorder(self.state, tracker, report)
        self.recorder.restore(curves.pending)
        if changed:
            self.recorder.note(f"resumed with {', '.join(changed)}")
        self.divergence = DivergenceWatch(
            self.state, partial(last_checkpoint, self.checkpoints), self.recorder.warn
        )
        every = config.separation_every
        self.audits = WindowSampler(every, str(config.seed)) if every else None
        self.interaction = Interaction(self.state, self.replay, self.recorder, self.divergence)
        self.schedule = UpdateSchedule(self.agent, self.agent.update, self.agent.update_critic)
        if compiled_update is not None:
            update = reported_update(compiled_update, self.interrupt, self.recorder.report)
            self.schedule = UpdateSchedule(self.agent, update, compiled_update.update_critic)

    def run(self) -> TrainingResult:
        """Train up to `config.steps` and write a checkpoint.

        Raises:
            DivergenceError: a loss, gradient or value became NaN or infinite.
            EnvironmentFaultError: an environment did something wrong.
            StorageError: a file cannot be written.
        """
        try:
            with storage_errors(self.folder, self.checkpoints):
                self.begin()
                with self.interrupt:
                    self.advance(self.config.steps)
                    self.save()
        except EnvironmentFaultError as error:
            step = self.state.step
            evaluated = f"while evaluating at environment step {step}"
            when = evaluated if self.is_evaluating else f"at environment step {step + 1}"
            what = f"{error.what} {when}; {last_checkpoint(self.checkpoints)}"
            raise EnvironmentFaultError(what, error.member) from error
        state = self.state
        finished = state.step >= self.config.steps and not self.is_evaluation_due
        if finished:
            self.recorder.report()
        return TrainingResult(
            self.folder.path,
            state.step,
            finished,
            self.interrupt.signal,
            state.returns,
            self.agent,
            "" if finished or self.interrupt.signal else self.recorder.stopping.reason(),
        )

    def begin(self) -> None:
        """Start the first episodes and write a first checkpoint, unless there is one."""
        state = self.state
        if self.checkpoints.latest_step() is None:
            state.environments.reset(state.seeds)
            self.save()
        for sentence in state.environments.wrapper_advice:
            self.recorder.warn(0, sentence)
        for member in self.restarted:
            self.recorder.warn(
                member,
                f"the environment of member {member} (seed {state.seeds[member]}) could not be "
                f"restored exactly at environment step {state.step}, so it begins a new episode "
                "(normalize_observations and reward_scale replace wrappers with running "
                "statistics)",
            )

    def advance(self, last: int) -> None:
        """Train up to environment step `last`, or until interrupted.

        Raises:
            DivergenceError: a loss, gradient or value became NaN or infinite.
        """
        config, state, stopping = self.config, self.state, self.recorder.stopping
        self.recorder.restart_clock()
        self.recorder.report()
        if self.is_evaluation_due and not self._evaluate():
            return
        self.recorder.tracker.write(state.step)
        while state.step < last and self.interrupt.signal is None and not stopping.reason():
            self.interaction.step()
            self._update()
            if state.step % config.log_every == 0:
                self.divergence.check_update()
                self.recorder.add_metrics()
            if self.evaluator is not None and state.step % config.evaluation_every == 0:
                self.is_evaluation_due = True
                if not self._evaluate():
                    return
            self.recorder.tracker.write(state.step)
            if config.checkpoint_every and state.step % config.checkpoint_every == 0:
                self.save()

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            DivergenceError: something is not finite; the previous checkpoints are kept.
            OSError: a file cannot be written; the previous checkpoints are kept.
        """
        self.divergence.check_update()
        self.divergence.check_agent()
        # A resumed run cuts its curves at the checkpoint, so they are on disk before it.
        self.recorder.tracker.sync()
        tracker = self.recorder.tracker
        curves = StoredCurves(tracker.rows, tracker.pending if self.is_evaluation_due else {})
        state = {**self.state.state_dict(), "curves": curves.state_dict()}
        state["settings"] = fixed_settings(self.config)
        self.checkpoints.save(self.state.step, state, self.replay, self.is_evaluation_due)

    def close(self) -> None:
        """Close environments and files."""
        self._close_environments()
        with storage_errors(self.folder, self.checkpoints):
            self.recorder.tracker.close()
        self.lock.release()

    def _close_environments(self) -> None:
        self.state.environments.close()
        if self.evaluator is not None:
            self.evaluator.close()

    def _update(self) -> None:
        """Update as often as is due, each time after an audit of that update if one is due."""
        state, config = self.state, self.config
        self.schedule.set_learning_rates(state.step)
        for _ in range(updates_between(config, state.step - 1, state.step)):
            batch = self.replay.sample(config.batch_size)
            if self.audits is not None and self.audits.selects(state.updates):
                self.recorder.add_separation(batch)
            state.window.append(self.schedule.run(batch, state.updates))
            state.updates += 1

    def _evaluate(self) -> bool:
        """Run the deterministic policies over the same episodes as in each evaluation.

        Returns:
            False if a signal interrupted it; the resumed run starts with it.
        """
        config, state, evaluator = self.config, self.state, self.evaluator
        assert evaluator is not None
        self.is_evaluating = True
        statistics = state.environments.statistics()
        try:
            episodes = evaluator.run(state.policies, config.members, config.gamma, statistics)
        except EvaluationInterrupted:
            self.is_evaluating = False
            return False
        self.is_evaluating = self.is_evaluation_due = False
        if cut_off := episodes.cut_off_sentence(config.evaluation_max_steps):
            self.recorder.warn(0, cut_off)
        self.recorder.add_evaluation(episodes)
        assert state.returns is not None
        if state.best.update(policy_of(self.agent), state.step, state.returns, statistics):
            write_best(self.folder.best_file, state.best_policies())
        return True
