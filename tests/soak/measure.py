"""A long training, and what it took: memory, files and processor time along the way."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.environments.vector import Environments
from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer
from ddpg.training.loop import Progress, train

_PAGE = os.sysconf("SC_PAGE_SIZE")
WARM_UP = 0.1
"""Share of a run before its memory and speed count: allocators and caches fill meanwhile."""
REFERENCE_STEPS = 20


@dataclass(frozen=True)
class Sample:
    """What was so at one environment step."""

    step: int
    resident: int
    """Bytes of this process in memory, what it shares with others left out."""
    training: float
    """Seconds of the processor that the training has used so far."""
    reference: float
    """Seconds of the processor that `Reference` has used so far; it ran after each log point."""
    files: dict[str, int]
    """Bytes of the run's files by kind: checkpoints, csv, tensorboard."""


class Reference:
    """The work of some training steps on a replay that stays as it is.

    On a machine that others use too, a second of the processor is not always worth the same. This
    runs in between the training, so that a slower machine can be told from a slower training.
    """

    def __init__(self, config: Config):
        seeds = [config.seed + member for member in range(config.members)]
        streams = RandomStreams.from_seeds(seeds)
        device = torch.device("cpu")
        self._environments = Environments(config.env, config.members, config.env_options)
        self._environments.reset(seeds)
        dims = (self._environments.observation_dim, self._environments.action_dim)
        self._agent = DDPG(config, *dims, streams.weights, device)
        self._replay = ReplayBuffer(streams.replay, 100, *dims, device)
        self._batch_size = config.batch_size

    def run(self) -> float:
        """Seconds of the processor that `REFERENCE_STEPS` steps took."""
        began = time.process_time()
        for _ in range(REFERENCE_STEPS):
            observation = self._environments.observation
            action = self._agent.act(torch.from_numpy(observation[:, None])).numpy()[:, 0]
            step = self._environments.step(action)
            self._replay.add(
                observation, action, step.reward, step.next_observation, step.terminated
            )
            self._agent.update(self._replay.sample(self._batch_size))
        return time.process_time() - began


def soak(config: Config, every: int) -> list[Sample]:
    """Train, and take a sample every `every` environment steps (a multiple of `log_every`)."""
    samples: list[Sample] = []
    folder = Path(config.runs) / str(config.name)
    reference = Reference(config)
    began, referred, seen = time.process_time(), 0.0, -1

    def report(progress: Progress) -> None:
        nonlocal referred, seen
        if progress.step == seen or progress.step % config.log_every:
            return
        seen = progress.step
        if progress.step % every == 0:
            training = time.process_time() - began - referred
            samples.append(Sample(seen, resident(), training, referred, file_sizes(folder)))
        referred += reference.run()

    train(config, report)
    return samples


def resident() -> int:
    """Bytes of this process in memory that no file backs.

    Source: proc(5), /proc/pid/statm: resident and shared pages.
    """
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * _PAGE


def file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of a run's files, by kind."""
    kinds = {
        "checkpoints": folder.glob("checkpoints/*"),
        "csv": folder.glob("*.csv"),
        "tensorboard": folder.glob("seed-*/*"),
    }
    return {kind: sum(file.stat().st_size for file in files) for kind, files in kinds.items()}


@dataclass(frozen=True)
class Figures:
    """What the samples amount to, after the warm-up."""

    memory_start: float
    """Bytes: the median over the first tenth after the warm-up."""
    memory_end: float
    """Bytes: the median over the last tenth."""
    speed_start: float
    """Training steps in the time of a reference step: the median window of the first quarter."""
    speed_end: float
    """The same of the last quarter."""
    bytes_per_step: dict[str, float]
    """Growth of the run's files, by kind."""
    largest: dict[str, int]
    """Bytes of the run's files at their largest, by kind."""

    @property
    def memory_growth(self) -> float:
        """A share: 0.01 is one percent."""
        return self.memory_end / self.memory_start - 1

    @property
    def speed_change(self) -> float:
        """A share: −0.03 is three percent slower."""
        return self.speed_end / self.speed_start - 1


def figures(samples: list[Sample], log_every: int) -> Figures:
    """Compare the end of a run that logged every `log_every` steps with its beginning."""
    warm = samples[int(len(samples) * WARM_UP) :]
    tenth, quarter = max(len(warm) // 10, 1), max(len(warm) // 4, 1)
    memory = np.array([sample.resident for sample in warm], np.float64)
    training = np.diff([sample.training for sample in warm])
    reference = np.diff([sample.reference for sample in warm])
    steps = np.diff([sample.step for sample in warm])
    referred = REFERENCE_STEPS * steps / log_every
    speed = (steps / training) / (referred / reference)
    first, last = warm[0], warm[-1]
    return Figures(
        memory_start=float(np.median(memory[:tenth])),
        memory_end=float(np.median(memory[-tenth:])),
        speed_start=float(np.median(speed[:quarter])),
        speed_end=float(np.median(speed[-quarter:])),
        bytes_per_step={
            kind: (last.files[kind] - first.files[kind]) / (last.step - first.step)
            for kind in first.files
        },
        largest={kind: max(sample.files[kind] for sample in samples) for kind in first.files},
    )
