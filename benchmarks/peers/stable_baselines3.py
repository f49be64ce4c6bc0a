"""Stable-Baselines3's DDPG, and SBX's, which has the same interface."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DDPG
from stable_baselines3.common.noise import NormalActionNoise

from benchmarks.work import (
    ENDLESS,
    ENVIRONMENT,
    GAMMA,
    LEARNING_RATE,
    NOISE_SIGMA,
    REPLAY_CAPACITY,
    TAU,
    Work,
)


def train(work: Work) -> None:
    """Train until the clock ends it."""
    model(DDPG, work).learn(ENDLESS)


def model(maker: Callable[..., Any], work: Work, **settings: Any) -> Any:
    """A model of the benchmark's work; `settings` are further arguments of `maker`."""
    made = maker(
        "MlpPolicy",
        ENVIRONMENT,
        learning_rate=LEARNING_RATE,
        buffer_size=REPLAY_CAPACITY,
        learning_starts=work.random_steps,
        batch_size=work.batch,
        tau=TAU,
        gamma=GAMMA,
        train_freq=1,
        gradient_steps=1,
        action_noise=NormalActionNoise(np.zeros(1), np.full(1, NOISE_SIGMA)),
        policy_kwargs={"net_arch": [work.hidden, work.hidden]},
        seed=work.seed,
        device="cpu",
        **settings,
    )
    torch.set_num_threads(work.threads)
    return made
