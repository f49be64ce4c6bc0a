"""TorchRL's DDPG, built as in its own `sota-implementations/ddpg`."""

from typing import Any

import torch
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import nn
from torchrl.collectors import Collector
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer
from torchrl.envs import (
    Compose,
    DoubleToFloat,
    InitTracker,
    RewardSum,
    StepCounter,
    TransformedEnv,
)
from torchrl.envs.libs.gym import GymEnv
from torchrl.modules import MLP, AdditiveGaussianModule, TanhModule, ValueOperator
from torchrl.objectives import SoftUpdate, group_optimizers
from torchrl.objectives.ddpg import DDPGLoss

from benchmarks.workload import ENDLESS, ENVIRONMENT, HALF_RANGE, Workload


def train(workload: Workload) -> None:
    """Train until the clock ends the run."""
    torch.set_num_threads(workload.threads)
    torch.manual_seed(workload.seed)
    transforms = Compose([InitTracker(), StepCounter(200), DoubleToFloat(), RewardSum()])
    environment = TransformedEnv(GymEnv(ENVIRONMENT), transforms)
    environment.set_seed(workload.seed)
    actor, critic = _networks(workload, environment.action_spec_unbatched)
    exploration = AdditiveGaussianModule(
        spec=environment.action_spec_unbatched,
        sigma_init=1.0,
        sigma_end=1.0,
        mean=0.0,
        std=workload.noise_sigma * HALF_RANGE,
        safe=True,
    )
    collector = Collector(
        environment,
        TensorDictSequential([actor, exploration]),
        frames_per_batch=1,
        init_random_frames=workload.random_steps,
        total_frames=ENDLESS,
    )
    replay = TensorDictReplayBuffer(
        storage=LazyTensorStorage(workload.replay_capacity), batch_size=workload.batch
    )
    loss_module = DDPGLoss(
        actor_network=actor,
        value_network=critic,
        loss_function="l2",
        delay_actor=True,
        delay_value=True,
    )
    loss_module.make_value_estimator(gamma=workload.gamma)
    targets = SoftUpdate(loss_module, tau=workload.tau)
    optimizer = group_optimizers(
        _adam(loss_module.actor_network_params, workload.learning_rate),
        _adam(loss_module.value_network_params, workload.learning_rate),
    )
    frames = 0
    for data in collector:
        collector.update_policy_weights_()
        flat = data.reshape(-1)
        replay.extend(flat)
        frames += flat.numel()
        if frames > workload.random_steps:
            losses = loss_module(replay.sample())
            (losses["loss_actor"] + losses["loss_value"]).backward()
            optimizer.step()
            optimizer.zero_grad()
            targets.step()


def _networks(workload: Workload, spec: Any) -> tuple[TensorDictSequential, ValueOperator]:
    hidden = {"num_cells": [workload.hidden, workload.hidden], "activation_class": nn.ReLU}
    features = TensorDictModule(
        MLP(in_features=3, out_features=1, **hidden), in_keys=["observation"], out_keys=["param"]
    )
    squash = TanhModule(in_keys=["param"], out_keys=["action"], spec=spec)
    actor = TensorDictSequential([features, squash])
    critic = ValueOperator(
        in_keys=["action", "observation"],
        module=MLP(in_features=3 + 1, out_features=1, **hidden),
    )
    return actor, critic


def _adam(parameters: Any, learning_rate: float) -> torch.optim.Adam:
    return torch.optim.Adam(list(parameters.flatten_keys().values()), lr=learning_rate)
