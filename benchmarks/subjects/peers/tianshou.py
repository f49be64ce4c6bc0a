"""Tianshou's DDPG, configured as in its MuJoCo example."""

from typing import Any

import gymnasium
import numpy as np
import torch
from tianshou.algorithm.modelfree.ddpg import DDPG, ContinuousDeterministicPolicy
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Collector, CollectStats, VectorReplayBuffer
from tianshou.env import DummyVectorEnv
from tianshou.exploration import GaussianNoise
from tianshou.trainer import OffPolicyTrainerParams
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorDeterministic, ContinuousCritic

from benchmarks.workload import ENDLESS, ENVIRONMENT, Workload


def train(workload: Workload) -> None:
    """Train until the clock ends the run."""
    torch.set_num_threads(workload.threads)
    torch.manual_seed(workload.seed)
    np.random.seed(workload.seed)  # noqa: NPY002 (Tianshou uses NumPy's global generator)
    environments = DummyVectorEnv([lambda: gymnasium.make(ENVIRONMENT)])
    environments.seed(workload.seed)
    algorithm = _algorithm(workload)
    collector = Collector[CollectStats](
        algorithm,
        environments,
        VectorReplayBuffer(workload.replay_capacity, 1),
        exploration_noise=True,
    )
    collector.reset()
    collector.collect(n_step=workload.random_steps, random=True)
    algorithm.run_training(
        OffPolicyTrainerParams(
            training_collector=collector,
            test_collector=None,
            max_epochs=1,
            epoch_num_steps=ENDLESS,
            collection_step_num_env_steps=1,
            batch_size=workload.batch,
            update_step_num_gradient_steps_per_sample=1,
            show_progress=False,
            verbose=False,
        )
    )


def _algorithm(workload: Workload) -> DDPG:
    hidden = [workload.hidden, workload.hidden]
    shapes: dict[str, Any] = {"state_shape": (3,), "hidden_sizes": hidden}
    actor = ContinuousActorDeterministic(
        preprocess_net=Net(**shapes), action_shape=(1,), max_action=1.0
    )
    critic = ContinuousCritic(preprocess_net=Net(**shapes, action_shape=(1,), concat=True))
    policy = ContinuousDeterministicPolicy(
        actor=actor,
        exploration_noise=GaussianNoise(sigma=workload.noise_sigma),
        action_space=gymnasium.make(ENVIRONMENT).action_space,
    )
    return DDPG(
        policy=policy,
        policy_optim=AdamOptimizerFactory(lr=workload.learning_rate),
        critic=critic,
        critic_optim=AdamOptimizerFactory(lr=workload.learning_rate),
        tau=workload.tau,
        gamma=workload.gamma,
    )
