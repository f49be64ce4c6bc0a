"""The loop: environments, agent, evaluation, tracking, checkpoints."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg import separation, tracking
from ddpg.agent import DDPG, Metrics
from ddpg.checkpoint import Checkpoints
from ddpg.compiled import CompileError, cache_folder
from ddpg.config import Config, ConfigError
from ddpg.environments import Environments
from ddpg.evaluation import TRAINING_FIRST_SEED, Evaluator
from ddpg.interrupt import InterruptFlag
from ddpg.metrics_window import MetricsWindow
from ddpg.noise import make_noise, scheduled_sigma
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch, ReplayBuffer
from ddpg.run_folder import RunFolder
from ddpg.tracking import Tracker


class DivergenceError(RuntimeError):
    """A loss or value became NaN or infinite; the message says where, and what is kept."""


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
    returns: NDArray[np.float64] | None
    """Mean return of each member in the last evaluation `[member]`; None if there was none."""
    agent: DDPG


def train(config: Config, report: Callable[[Progress], None] | None = None) -> TrainingResult:
    """Train `config.members` agents and write the run folder.

    Ctrl-C finishes the step, writes a checkpoint and returns with `finished` False; a second one
    raises KeyboardInterrupt.

    Args:
        config: all settings.
        report: called at the start, each point of the losses, each evaluation, and the end.

    Raises:
        ConfigError: the settings cannot be used, or the run's folder is taken.
        CompileError: the compiler failed.
        DivergenceError: a loss or value became NaN or infinite.
    """
    torch.set_num_threads(config.threads)
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
        self.environments = Environments(config.env, config.members, config.env_options)
        self.evaluator = Evaluator(
            config.env, config.env_options, config.evaluation_episodes, TRAINING_FIRST_SEED
        )
        self.streams = RandomStreams.from_seeds(self.seeds)
        dims = (self.environments.observation_dim, self.environments.action_dim)
        self.agent = DDPG(config, *dims, self.streams.weights, self.device)
        self.replay = ReplayBuffer(self.streams.replay, config.replay_capacity, *dims, self.device)
        self.contract = separation.contract(self.agent)
        self.verdict = ""
        self.noise = make_noise(
            config.noise, self.streams.noise, self.environments.action_dim, config.noise_theta
        )
        self.interrupt = InterruptFlag()
        self.step = 0
        self.updates = 0
        self.episode_return = np.zeros(config.members)
        self.episode_length = np.zeros(config.members)
        self.returns: NDArray[np.float64] | None = None
        self.window = MetricsWindow(config.log_every, config.members, self.device)
        # Last of all, so that nothing is written for a run that cannot begin.
        self.folder = (RunFolder.existing if config.resume else RunFolder.create)(config)
        self.checkpoints = Checkpoints(self.folder.checkpoints)
        if config.resume:
            self._load()
        self.tracker = Tracker(
            config,
            self.folder,
            separation.tags(self.contract),
            self.step if config.resume else None,
        )

    def run(self) -> TrainingResult:
        """Train up to `config.steps`, and write a checkpoint."""
        self.begin()
        with self.interrupt:
            self.advance(self.config.steps)
            self._save()
        finished = self.step >= self.config.steps
        if finished:
            self._report()
        return TrainingResult(self.folder.path, self.step, finished, self.returns, self.agent)

    def begin(self) -> None:
        """Start every environment's first episode."""
        self.environments.reset(self._episode_seeds())

    def advance(self, last: int) -> None:
        """Train up to environment step `last`, or until interrupted.

        Raises:
            DivergenceError: a loss or value became NaN or infinite.
        """
        config = self.config
        began, began_step = time.perf_counter(), self.step
        self._report()
        while self.step < last and not self.interrupt.raised:
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
                self._save()

    def close(self) -> None:
        """Free environments and files."""
        self.environments.close()
        self.evaluator.close()
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
        if transition.ended.any():
            self._end_episodes(transition.ended)

    def _explore(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """Random actions at first, then the actor's with noise: `[member, action]` in [−1, 1]."""
        config = self.config
        if self.step < config.random_steps:
            dim = self.environments.action_dim
            return np.stack([g.uniform(-1, 1, dim) for g in self.streams.actions], dtype=np.float32)
        sigma = scheduled_sigma(
            self.step, config.noise_sigma, config.noise_sigma_final, config.noise_steps
        )
        action = self._policies(observation[:, None])[:, 0]
        return np.clip(action + self.noise.sample(sigma), -1, 1).astype(np.float32)

    def _policies(self, observation: NDArray[np.float32]) -> NDArray[np.float32]:
        """μ(s): `[member, batch, observation]` -> `[member, batch, action]` in [−1, 1]."""
        return self.agent.act(torch.from_numpy(observation).to(self.device)).cpu().numpy()

    def _end_episodes(self, ended: NDArray[np.bool_]) -> None:
        self.tracker.add(tracking.RETURN_TRAINING, np.where(ended, self.episode_return, np.nan))
        self.tracker.add(tracking.EPISODE_LENGTH, np.where(ended, self.episode_length, np.nan))
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

    def _learn(self, batch: Batch) -> Metrics:
        """One update; before the first of a compiled one it is told what takes so long."""
        if not self.agent.compiles_next:
            return self.agent.update(batch)
        self._report(f"compiling the update, once, into {cache_folder()}")
        try:
            return self.agent.update(batch)
        except CompileError as error:
            # Ctrl-C reaches the C++ compiler too.
            if self.interrupt.raised:
                raise KeyboardInterrupt from error
            raise
        finally:
            self._report()

    def _audit(self, batch: Batch) -> None:
        """Measure where the coming update's gradients go; the weights stay as they are."""
        values, self.verdict = separation.measure(self.agent, self.contract, batch)
        for tag, value in values.items():
            self.tracker.add(f"{tracking.SEPARATION}/{tag}", value)

    def _log_window(self) -> None:
        """The mean of each loss and value since the last point."""
        self._require_finite()
        for field, values in self.window.means().items():
            self.tracker.add(tracking.UPDATE_TAGS[field], values)
        self.window.clear()
        self._report()

    def _require_finite(self) -> None:
        """Raise a DivergenceError if a loss or value of the window is NaN or infinite."""
        broken = self.window.first_broken()
        if broken is None:
            return
        step = self.step - len(self.window) + broken.update + 1
        kept = self.checkpoints.latest_step()
        which = (
            "there is no checkpoint" if kept is None else f"the last checkpoint is of step {kept}"
        )
        raise DivergenceError(
            f"{tracking.UPDATE_TAGS[broken.term]} of the member with seed "
            f"{self.seeds[broken.member]} is {broken.value} at environment step {step}; {which} in "
            f"{self.checkpoints.folder}"
        )

    def _evaluate(self) -> None:
        returns = self.evaluator.returns(self._policies, self.config.members).mean(axis=1)
        self.tracker.add(tracking.RETURN_EVALUATION, returns)
        self.returns = returns
        self._report()

    def _report(self, activity: str = "") -> None:
        self.report(Progress(self.step, self.config.steps, self.returns, self.verdict, activity))

    def _episode_seeds(self) -> list[int]:
        """Seeds of the environments: the members' own, and other ones after a resumption."""
        if self.step == 0:
            return self.seeds
        return [
            int(np.random.SeedSequence([seed, self.step]).generate_state(1)[0])
            for seed in self.seeds
        ]

    def _save(self) -> None:
        self._require_finite()
        state = {
            "step": self.step,
            "updates": self.updates,
            "agent": self.agent.state_dict(),
            "streams": self.streams.state_dict(),
            "returns": None if self.returns is None else self.returns.tolist(),
        }
        self.checkpoints.save(self.step, state, self.replay)

    def _load(self) -> None:
        state = self.checkpoints.load(self.replay)
        self.step = state["step"]
        self.updates = state["updates"]
        self.agent.load_state_dict(state["agent"])
        self.streams.load_state_dict(state["streams"])
        self.returns = None if state["returns"] is None else np.array(state["returns"])


def resolve_device(name: str) -> torch.device:
    """The device that the setting `device` names.

    Raises:
        ConfigError: there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    present = ["cpu"]
    if torch.cuda.is_available():
        present += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        present.append("mps")
    if name not in present:
        raise ConfigError(f"device is {name!r}; allowed here: auto, {', '.join(present)}")
    return torch.device(name)
