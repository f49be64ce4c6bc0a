"""Stable-Baselines3's DDPG, and the model constructor that SBX's DDPG shares."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3 import DDPG
from stable_baselines3.common.noise import NormalActionNoise

from benchmarks.workload import Workload


def train(workload: Workload) -> None:
    """Train until the clock ends the run."""
    make_model(DDPG, workload).learn(workload.steps)


def make_model(algorithm: Callable[..., Any], workload: Workload, **settings: Any) -> Any:
    """Return a model for `workload`; `settings` are additional arguments of `algorithm`."""
    (width,) = gymnasium.spec(workload.environment).make().action_space.shape or (1,)
    model = algorithm(
        "MlpPolicy",
        workload.environment,
        learning_rate=workload.learning_rate,
        buffer_size=workload.replay_capacity,
        learning_starts=workload.random_steps,
        batch_size=workload.batch,
        tau=workload.tau,
        gamma=workload.gamma,
        train_freq=1,
        gradient_steps=1,
        action_noise=NormalActionNoise(np.zeros(width), np.full(width, workload.noise_sigma)),
        policy_kwargs={"net_arch": [workload.hidden, workload.hidden]},
        seed=workload.seed,
        device="cpu",
        **settings,
    )
    torch.set_num_threads(workload.threads)
    return model
