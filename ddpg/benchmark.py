"""Environment steps per second, ours and a peer's, at the same work, in interleaved repeats.

The work is one environment step with one update of critic and actor on Pendulum-v1: [64, 64], batch
64, replay 200,000, Adam, one thread. Each repeat of each subject is a process of its own, and the
subjects take turns, so that a machine that slows down slows all of them.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any

_RANDOM_STEPS = 1_000
_WARM_STEPS = 500
"""Updates that are not timed: allocators and caches settle."""


@dataclass(frozen=True)
class Speed:
    """A subject's environment steps per second, times its members."""

    subject: str
    members: int
    repeats: list[float]
    """Agent-steps per second: environment steps of one member × members."""
    ratio: float
    """Median over the median of the first subject."""


def compare(subjects: list[str], repeats: int, steps: int) -> list[Speed]:
    """Time each subject `repeats` times, in turns; ratios are over the first subject.

    Args:
        subjects: names of `SUBJECTS`.
        repeats: processes a subject.
        steps: environment steps that are timed in each.

    Raises:
        subprocess.CalledProcessError: a subject failed.
    """
    speeds: dict[str, list[float]] = {subject: [] for subject in subjects}
    for _ in range(repeats):
        for subject in subjects:
            speeds[subject].append(_child(subject, steps))
    base = median(speeds[subjects[0]])
    return [
        Speed(subject, SUBJECTS[subject][0], values, median(values) / base)
        for subject, values in speeds.items()
    ]


def to_json(speeds: list[Speed]) -> str:
    """The speeds as a JSON text."""
    return json.dumps([asdict(speed) for speed in speeds], indent=2) + "\n"


def _child(subject: str, steps: int) -> float:
    command = [sys.executable, "-m", "ddpg.benchmark", subject, str(steps)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.splitlines()[-1])


class _Clock:
    """Seconds between the first and the last environment step that count."""

    def __init__(self, steps: int):
        self.first = _RANDOM_STEPS + _WARM_STEPS
        self.last = self.first + steps
        self.times: dict[int, float] = {}

    def tick(self, step: int) -> None:
        if step in (self.first, self.last):
            self.times.setdefault(step, time.perf_counter())

    def speed(self) -> float:
        return (self.last - self.first) / (self.times[self.last] - self.times[self.first])


def _ours(members: int, steps: int, **settings: Any) -> float:
    from ddpg.config import Config
    from ddpg.training import train

    clock = _Clock(steps)
    with tempfile.TemporaryDirectory() as runs:
        config = Config(
            members=members,
            steps=clock.last,
            random_steps=_RANDOM_STEPS,
            evaluation_every=0,
            checkpoint_every=0,
            runs=runs,
            **settings,
        )
        train(config, lambda progress: clock.tick(progress.step))
    return members * clock.speed()


def _stable_baselines3(_: int, steps: int) -> float:
    import numpy as np
    import torch
    from stable_baselines3 import DDPG
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.noise import NormalActionNoise

    torch.set_num_threads(1)
    clock = _Clock(steps)

    class Tick(BaseCallback):
        def _on_step(self) -> bool:
            clock.tick(self.num_timesteps)
            return True

    model = DDPG(
        "MlpPolicy",
        "Pendulum-v1",
        learning_rate=1e-3,
        buffer_size=200_000,
        learning_starts=_RANDOM_STEPS,
        batch_size=64,
        tau=0.005,
        gamma=0.98,
        train_freq=1,
        gradient_steps=1,
        action_noise=NormalActionNoise(np.zeros(1), 0.1 * np.ones(1)),
        policy_kwargs={"net_arch": [64, 64]},
        seed=0,
        device="cpu",
    )
    model.learn(clock.last, callback=Tick())
    return clock.speed()


SUBJECTS: dict[str, tuple[int, Callable[[int, int], float]]] = {
    "stable_baselines3": (1, _stable_baselines3),
    "ddpg": (1, _ours),
    "ddpg-unaudited": (1, partial(_ours, separation_every=0)),
    "ddpg-8-members": (8, _ours),
}
"""Name -> members, and what runs them for some timed steps and returns agent-steps per second."""


if __name__ == "__main__":
    _members, _run = SUBJECTS[sys.argv[1]]
    print(_run(_members, int(sys.argv[2])))
