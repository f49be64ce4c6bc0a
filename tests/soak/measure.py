"""Memory, files and processor time of a long training, sampled while it runs."""

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
from ddpg.training.loop import train
from ddpg.training.progress import Progress

_PAGE = os.sysconf("SC_PAGE_SIZE")
WARM_UP = 0.1
"""Share of a run that is not measured, while allocators and caches fill."""
REFERENCE_STEPS = 20


@dataclass(frozen=True)
class SoakSample:
    """Memory, time and files at one environment step."""

    step: int
    resident: int
    """Resident anonymous memory of this process, in bytes."""
    training: float
    """Processor time of the training so far, in seconds."""
    reference: float
    """Processor time of `ReferenceAgent` so far, in seconds; it runs after each log point."""
    files: dict[str, int]
    """Bytes of the run's files by kind: checkpoints, csv, tensorboard."""


class ReferenceAgent:
    """Training steps on a replay of constant size, run in between the training.

    On a shared machine, the work done per second of processor time varies. The ratio to this
    reference shows a slower training, and a slower machine cancels out.
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
        """Run `REFERENCE_STEPS` steps and return their processor time in seconds."""
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


def soak(config: Config, every: int) -> list[SoakSample]:
    """Train and take one sample per `every` environment steps (a multiple of `log_every`)."""
    samples: list[SoakSample] = []
    folder = Path(config.runs) / str(config.name)
    reference = ReferenceAgent(config)
    began, reference_seconds, last = time.process_time(), 0.0, -1

    def report(progress: Progress) -> None:
        nonlocal reference_seconds, last
        if progress.step == last or progress.step % config.log_every:
            return
        last = progress.step
        if last % every == 0:
            training = time.process_time() - began - reference_seconds
            files = file_sizes(folder)
            samples.append(SoakSample(last, anonymous_memory(), training, reference_seconds, files))
        reference_seconds += reference.run()

    train(config, report)
    return samples


def anonymous_memory() -> int:
    """Return the resident memory of this process that no file backs, in bytes.

    Source: proc(5), /proc/pid/statm: resident minus shared pages.
    """
    fields = Path("/proc/self/statm").read_text().split()
    return (int(fields[1]) - int(fields[2])) * _PAGE


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of a run's files, by kind."""
    kinds = {
        "checkpoints": folder.glob("checkpoints/*"),
        "csv": folder.glob("*.csv"),
        "tensorboard": folder.glob("seed-*/*"),
    }
    return {kind: sum(file.stat().st_size for file in files) for kind, files in kinds.items()}


@dataclass(frozen=True)
class SoakFigures:
    """Growth of memory and files and change of speed, after the warm-up."""

    memory_start: float
    """Median over the first tenth after the warm-up, in bytes."""
    memory_end: float
    """Median over the last tenth, in bytes."""
    speed_start: float
    """Training steps per time of a reference step: median over the first quarter."""
    speed_end: float
    """Training steps per time of a reference step: median over the last quarter."""
    bytes_per_step: dict[str, float]
    """Growth of the run's files in bytes, by kind."""
    largest: dict[str, int]
    """Maximum size of the run's files in bytes, by kind."""

    @property
    def memory_growth(self) -> float:
        """Relative growth: 0.01 is one percent."""
        return self.memory_end / self.memory_start - 1

    @property
    def speed_change(self) -> float:
        """Relative change: −0.03 is three percent slower."""
        return self.speed_end / self.speed_start - 1


def soak_figures(samples: list[SoakSample], log_every: int) -> SoakFigures:
    """Compare the end of a run with its beginning; it logged once per `log_every` steps."""
    warm = samples[int(len(samples) * WARM_UP) :]
    tenth, quarter = max(len(warm) // 10, 1), max(len(warm) // 4, 1)
    memory = np.array([sample.resident for sample in warm], np.float64)
    training = np.diff([sample.training for sample in warm])
    reference = np.diff([sample.reference for sample in warm])
    steps = np.diff([sample.step for sample in warm])
    reference_steps = REFERENCE_STEPS * steps / log_every
    speed = (steps / training) / (reference_steps / reference)
    first, last = warm[0], warm[-1]
    return SoakFigures(
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
