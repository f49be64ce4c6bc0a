"""The loop: environments, agent, evaluation, tracking, checkpoints."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.agent import DDPG, Values
from ddpg.config.settings import Config
from ddpg.environments.vector import Environments
from ddpg.errors import CompileError, ConfigError, EnvironmentFaultError, RunWarning, StorageError
from ddpg.evaluation.episodes import TRAINING_FIRST_SEED, Evaluator
from ddpg.fast.compiled import CompiledUpdate, cache_folder
from ddpg.noise import make_noise, scheduled_sigma
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch, ReplayBuffer
from ddpg.runs import tracking
from ddpg.runs.checkpoint import Checkpoints
from ddpg.runs.folder import RunFolder
from ddpg.runs.tracking import Tracker
from ddpg.runs.weight_hash import hash_weights
from ddpg.stream import Uniform
from ddpg.training import separation
from ddpg.training.device import deterministic, matmul_precision, resolve_device
from ddpg.training.divergence import DivergenceWatch
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.metrics import MetricsWindow
from ddpg.training.state import made_of, state_of, take_up


@dataclass(frozen=True)
class Progress:
    """What a run tells while it runs."""

    step: int
    steps: int
    returns: NDArray[np.float64] | None
    """Mean return of each member in the last evaluation `[member]`; None before the first."""
    separation: str
    """What the last audit found, in a few words; empty before the first."""
    activity: str = ""
    """What keeps the run from its steps for a while; empty while it takes them."""


@dataclass(frozen=True)
class TrainingResult:
    """What `train` returns."""

    folder: Path
    step: int
    """Environment steps done, of one member."""
    finished: bool
    """False if it was interrupted; it can be resumed."""
    signal: int | None
    """Number of the signal that interrupted it, or None."""
    returns: NDArray[np.float64] | None
    """Mean return of each member in the last evaluation `[member]`; None if there was none, NaN
    for a member that was dropped."""
    agent: DDPG


def train(config: Config, report: Callable[[Progress], None] | None = None) -> TrainingResult:
    """Train `config.members` agents and write the run folder.

    Ctrl-C and SIGTERM finish the step, write a checkpoint and return with `finished` False; a
    second Ctrl-C raises KeyboardInterrupt. PyTorch is in its deterministic mode meanwhile.

    Args:
        config: all settings.
        report: called at the start, each point of the losses, each evaluation, and the end.

    Raises:
        ConfigError: the settings cannot be used, or the run's folder is taken.
        CheckpointError: the checkpoint of a resumed run is missing, damaged or of another run.
        CompileError: the compiler failed.
        DivergenceError: a loss, gradient or value became NaN or infinite.
        EnvironmentFaultError: an environment did something wrong.
        StorageError: a file cannot be written.
    """
    torch.set_num_threads(config.threads)
    with deterministic(), matmul_precision(config.matmul_precision):
        trainer = Trainer(config, report or (lambda _: None))
        try:
            return trainer.run()
        finally:
            trainer.close()


class Trainer:
    """One run, from its folder to its last checkpoint.

    Args:
        config: all settings.
        report: see `train`.
    """

    def __init__(self, config: Config, report: Callable[[Progress], None]):
        self.config = config
        self.report = report
        self.seeds = [config.seed + member for member in range(config.members)]
        self.device = resolve_device(config.device)
        self.environments = Environments(
            config.env, config.members, config.env_options, config.environment_timeout
        )
        self.evaluator = Evaluator(
            config.env,
            config.env_options,
            config.evaluation_episodes,
            TRAINING_FIRST_SEED,
            config.environment_timeout,
        )
        self.streams = RandomStreams.from_seeds(self.seeds)
        dims = (self.environments.observation_dim, self.environments.action_dim)
        self.agent = DDPG(config, *dims, self.streams.weights, self.device)
        self._compiled_update = CompiledUpdate(self.agent) if config.compile else None
        self.replay = self._empty_replay(dims)
        self.verdict = ""
        self.noise = make_noise(
            config.noise, self.streams.noise, self.environments.action_dim, config.noise_theta
        )
        self.evaluates = False
        """Whether it is the evaluation's environments that are stepped."""
        self.interrupt = InterruptFlag()
        self.step = 0
        self.updates = 0
        self.episode_return = np.zeros(config.members)
        self.episode_length = np.zeros(config.members)
        self.returns: NDArray[np.float64] | None = None
        self.window = MetricsWindow(
            min(config.log_every, config.steps), config.members, self.device
        )
        # Last of all, so that nothing is written for a run that cannot begin.
        self.folder = (RunFolder.existing if config.resume else RunFolder.create)(config)
        self.checkpoints = Checkpoints(self.folder.checkpoints, made_of(self))
        self.watch = DivergenceWatch(self.seeds, config.on_divergence, self._kept, self._warn)
        with self._storage_told():
            self.begun_anew = self._load() if config.resume else []
            """Members whose environment did not come back equal."""
            self.tracker = Tracker(
                config,
                self.folder,
                separation.tags(self.agent),
                self.step if config.resume else None,
            )
            if config.resume:
                self.folder.store_config(config)

    def _empty_replay(self, dims: tuple[int, int]) -> ReplayBuffer:
        capacity = self.config.replay_capacity
        try:
            return ReplayBuffer(self.streams.replay, capacity, *dims, self.device)
        except RuntimeError as error:
            raise ConfigError(
                f"replay_capacity is {capacity} with {self.config.members} members, {dims[0]} "
                f"observations and {dims[1]} actions; allowed: what fits into the memory"
            ) from error

    def run(self) -> TrainingResult:
        """Train up to `config.steps`, and write a checkpoint.

        Raises:
            DivergenceError: a loss, gradient or value became NaN or infinite.
            EnvironmentFaultError: an environment did something wrong.
            StorageError: a file cannot be written.
        """
        try:
            with self._storage_told():
                self.begin()
                with self.interrupt:
                    self.advance(self.config.steps)
                    self.save()
        except EnvironmentFaultError as error:
            evaluated = f"while evaluating at environment step {self.step}"
            when = evaluated if self.evaluates else f"at environment step {self.step + 1}"
            what = f"{error.what} {when}; {self._kept()}"
            raise EnvironmentFaultError(what, error.member) from error
        finished = self.step >= self.config.steps
        if finished:
            self._report()
        return TrainingResult(
            self.folder.path, self.step, finished, self.interrupt.signal, self.returns, self.agent
        )

    def begin(self) -> None:
        """Start every environment's first episode, unless a checkpoint has brought it back."""
        if self.checkpoints.latest_step() is None:
            self.environments.reset(self.seeds)
            self.save()
        for member in self.begun_anew:
            self._warn(
                member,
                f"the environment of member {member} (seed {self.seeds[member]}) did not come back "
                f"equal at environment step {self.step}, so its episode starts anew",
            )

    def advance(self, last: int) -> None:
        """Train up to environment step `last`, or until interrupted.

        Raises:
            DivergenceError: a loss, gradient or value became NaN or infinite.
        """
        config = self.config
        began, began_step = time.perf_counter(), self.step
        self._report()
        while self.step < last and self.interrupt.signal is None:
            self._environment_step()
            if self.step > config.random_steps:
                self._update()
            if self.step % config.log_every == 0:
                self._log_window()
                now = time.perf_counter()
                speed = (self.step - began_step) / (now - began)
                self.tracker.add(tracking.SPEED, np.full(config.members, speed))
                began, began_step = now, self.step
            if config.evaluation_every and self.step % config.evaluation_every == 0:
                self._evaluate()
            self.tracker.write(self.step)
            if config.checkpoint_every and self.step % config.checkpoint_every == 0:
                self.save()

    def save(self) -> None:
        """Write a checkpoint, of weights that are finite.

        Raises:
            DivergenceError: something is not finite; the checkpoints before are kept.
            OSError: a file cannot be written; the checkpoints before are kept.
        """
        self.watch.check_update(self.agent, self.window, self.step)
        self.watch.check_agent(self.agent, self.step)
        # First the curves: what a checkpoint has behind it must be there when it is taken up.
        self.tracker.sync()
        self.checkpoints.save(self.step, state_of(self), self.replay)

    def close(self) -> None:
        """Free environments and files."""
        self.environments.close()
        self.evaluator.close()
        with self._storage_told():
            self.tracker.close()

    def _environment_step(self) -> None:
        """Act, step, and store one transition of each member."""
        observation = self.environments.observation
        action = self._explore(observation)
        transition = self.environments.step(action)
        self.replay.add(
            observation,
            action,
            transition.reward,
            transition.next_observation,
            transition.terminated,
        )
        self.step += 1
        self.episode_return += transition.reward
        self.episode_length += 1
        if np.count_nonzero(transition.ended):
            self._end_episodes(transition.ended)

    def _explore(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Random actions at first, then the actor's with noise: `[member, action]` in [−1, 1]."""
        config = self.config
        if self.step < config.random_steps:
            dim = self.environments.action_dim
            return self.streams.actions.take(Uniform(dim)).astype(np.float32)
        sigma = scheduled_sigma(
            self.step, config.noise_sigma, config.noise_sigma_final, config.noise_steps
        )
        action = self._policies(observation[:, None])[:, 0]
        if np.count_nonzero(np.isfinite(action)) < action.size:
            self.watch.check_update(self.agent, self.window, self.step)
            self.watch.check_action(action, self.step)
            action[~self.watch.alive] = 0
        noisy = action.astype(np.float64) + self.noise.sample(sigma)
        return np.minimum(np.maximum(noisy, -1), 1).astype(np.float32)

    def _policies(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1].

        A member that was dropped does nothing: its environment stands by, and takes no NaN.
        """
        action = self.agent.act(torch.from_numpy(observation).to(self.device)).cpu().numpy()
        if np.count_nonzero(self.watch.alive) < len(self.watch.alive):
            action[~self.watch.alive] = 0
        return action

    def _end_episodes(self, ended: NDArray[np.bool_]) -> None:
        self._add(tracking.RETURN_TRAINING, np.where(ended, self.episode_return, np.nan))
        self._add(tracking.EPISODE_LENGTH, np.where(ended, self.episode_length, np.nan))
        self.episode_return[ended] = 0
        self.episode_length[ended] = 0
        self.noise.reset(ended)

    def _update(self) -> None:
        batch = self.replay.sample(self.config.batch_size)
        every = self.config.separation_every
        if every and self.updates % every == 0:
            self._audit(batch)
        self.window.append(self._learn(batch))
        self.updates += 1

    def _learn(self, batch: Batch) -> Values:
        """Run one update; report before the first compiled one, which takes a while."""
        update = self._compiled_update
        if update is None:
            return self.agent.update(batch)
        if update.is_compiled:
            return Values(*update(batch))
        self._report(f"compiling the update, once, into {cache_folder()}")
        try:
            return Values(*update(batch))
        except CompileError as error:
            # Ctrl-C reaches the C++ compiler too.
            if self.interrupt.signal is not None:
                raise KeyboardInterrupt from error
            raise
        finally:
            self._report()

    def _audit(self, batch: Batch) -> None:
        """Measure where the coming update's gradients go; the weights stay as they are."""
        values, self.verdict = separation.measure(self.agent, batch)
        for tag, value in values.items():
            self._add(f"{tracking.SEPARATION}/{tag}", value)

    def _log_window(self) -> None:
        """The mean of each loss and value since the last point."""
        self.watch.check_update(self.agent, self.window, self.step)
        means = self.window.means()
        for field, tag in tracking.UPDATE_TAGS.items():
            if field in means:
                self._add(tag, means[field])
        self.window.clear()
        self._report()

    def _evaluate(self) -> None:
        self.evaluates = True
        episodes = self.evaluator.run(self._policies, self.config.members, self.config.gamma)
        self.evaluates = False
        start = torch.from_numpy(episodes.first_observation).to(self.device)
        value = self.agent.value(start).mean(dim=(1, 2)).cpu().numpy()
        self.returns = np.where(self.watch.alive, episodes.returns.mean(axis=1), np.nan)
        self._add(tracking.RETURN_EVALUATION, self.returns)
        self._add(tracking.RETURN_DISCOUNTED, episodes.discounted.mean(axis=1))
        self._add(tracking.VALUE_Q_START, value)
        self.tracker.write_weights(
            self.step, hash_weights(self.agent.modules, self.config.members), self.watch.alive
        )
        self._report()

    def _add(self, tag: str, values: NDArray[np.floating]) -> None:
        """Keep `values` `[member]` for the coming point, but for members that were dropped."""
        self.tracker.add(tag, np.where(self.watch.alive, values, np.nan))

    def _report(self, activity: str = "") -> None:
        self.report(Progress(self.step, self.config.steps, self.returns, self.verdict, activity))

    def _load(self) -> list[int]:
        """Take up a checkpoint; returns the members whose environment did not come back equal."""
        if self.checkpoints.latest_step() is None and not self.folder.has_metrics():
            # It died before its first step.
            return []
        file = self.checkpoints.state_path(self.config.resume_from)
        return take_up(self, self.checkpoints.load(self.replay, self.config.resume_from), file)

    def _kept(self) -> str:
        """Which checkpoint is kept, as the end of a sentence."""
        step = self.checkpoints.latest_step()
        if step is None:
            return f"there is no checkpoint in {self.checkpoints.folder}"
        return f"the last checkpoint is of step {step} in {self.checkpoints.folder}"

    def _warn(self, member: int, text: str) -> None:
        """Say what happened on the console and in the member's text."""
        warnings.warn(text, RunWarning, stacklevel=2)
        self.tracker.note(self.step, member, text)

    @contextmanager
    def _storage_told(self) -> Iterator[None]:
        """Inside, a file that cannot be written is a StorageError."""
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{error.filename} cannot be written: {error.strerror}; {self._kept()}"
            ) from error
