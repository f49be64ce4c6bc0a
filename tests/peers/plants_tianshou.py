"""Small Tianshou algorithms, and context managers that plant leaks in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from unittest import mock

import gymnasium
import numpy as np
import torch
from tianshou.algorithm.modelfree.ddpg import DDPG, ContinuousDeterministicPolicy
from tianshou.algorithm.modelfree.sac import SAC, AutoAlpha, SACPolicy
from tianshou.algorithm.modelfree.td3 import TD3
from tianshou.algorithm.optim import AdamOptimizerFactory
from tianshou.data import Batch, ReplayBuffer
from tianshou.utils.lagged_network import EvalModeModuleWrapper
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import (
    ContinuousActorDeterministic,
    ContinuousActorProbabilistic,
    ContinuousCritic,
)
from torch import Tensor, nn
from torch.optim import Adam

from tests.peers.findings import frozen

Algorithm = Any  # DDPG, TD3 or SAC; no common type has all attributes that the leaks need
ALGORITHMS = [DDPG, TD3, SAC]
SPACE = gymnasium.spaces.Box(-1.0, 1.0, (2,))


def build_net(norm: bool = False, **options: Any) -> Net:
    layer = nn.BatchNorm1d if norm else None
    return Net(state_shape=3, hidden_sizes=(16, 16), norm_layer=layer, **options)


def build_critic(norm: bool = False) -> ContinuousCritic:
    return ContinuousCritic(preprocess_net=build_net(norm, action_shape=2, concat=True))


def build_algorithm(algorithm: Any = DDPG, norm: bool = False) -> Algorithm:
    torch.manual_seed(0)
    optimizer = AdamOptimizerFactory(lr=1e-3)
    common: dict[str, Any] = {"policy_optim": optimizer, "critic_optim": optimizer}
    if algorithm is SAC:
        stochastic = ContinuousActorProbabilistic(
            preprocess_net=build_net(norm), action_shape=2, unbounded=True, conditioned_sigma=True
        )
        return SAC(
            policy=SACPolicy(actor=stochastic, action_space=SPACE),
            critic=build_critic(norm),
            alpha=AutoAlpha(target_entropy=-2.0, log_alpha=0.0, optim=optimizer),
            **common,
        )
    actor = ContinuousActorDeterministic(preprocess_net=build_net(norm), action_shape=2)
    policy = ContinuousDeterministicPolicy(actor=actor, action_space=SPACE)
    return algorithm(policy=policy, critic=build_critic(norm), **common)


def random_buffer() -> ReplayBuffer:
    """Return a buffer of 80 random transitions."""
    random = np.random.default_rng(0)
    buffer = ReplayBuffer(size=100)
    for _ in range(80):
        transition: Any = Batch(
            obs=random.normal(size=3),
            act=random.uniform(-1, 1, size=2),
            rew=random.normal(),
            terminated=False,
            truncated=False,
            obs_next=random.normal(size=3),
            info={},
        )
        buffer.add(transition)
    return buffer


@contextmanager
def optimizer_over_everything(algorithm: Algorithm) -> Iterator[None]:
    before = algorithm.policy_optim._optim
    parameters = [*algorithm.policy.parameters(), *algorithm.critic.parameters()]
    algorithm.policy_optim._optim = Adam(parameters, lr=1e-3)
    yield
    algorithm.policy_optim._optim = before


@contextmanager
def targets_in_torch(algorithm: Algorithm, grad: bool) -> Iterator[None]:
    """Compute the bootstrap target in torch instead of NumPy, with or without its graph."""

    def preprocess(batch: Any, buffer: ReplayBuffer, indices: np.ndarray) -> Any:
        next_batch = Batch(obs=buffer[indices].obs_next, info=[None] * len(indices))
        with torch.set_grad_enabled(grad):
            action = algorithm._target_q_compute_action(next_batch)
            value = algorithm._target_q_compute_value(next_batch, action).flatten()
        batch.returns = torch.as_tensor(batch.rew, dtype=torch.float32) + 0.99 * value
        return batch

    with mock.patch.object(algorithm, "_preprocess_batch", preprocess):
        yield


@contextmanager
def critic_as_target(algorithm: Algorithm) -> Iterator[None]:
    before = algorithm.critic_old
    algorithm.critic_old = EvalModeModuleWrapper(algorithm.critic)
    yield
    algorithm.critic_old = before


@contextmanager
def replaced_critic(algorithm: Algorithm, consistent: bool) -> Iterator[None]:
    """Replace the critic; if `consistent`, also its optimizer and the source of its target."""
    critic, optimizer = algorithm.critic, algorithm.critic_optim._optim
    pair = algorithm._lagged_networks._lagged_network_pairs[0]
    assert pair.source is critic
    algorithm.critic = build_critic()
    if consistent:
        pair.source = algorithm.critic
        algorithm.critic_optim._optim = Adam(algorithm.critic.parameters(), lr=1e-3)
    yield
    algorithm.critic = pair.source = critic
    algorithm.critic_optim._optim = optimizer


@contextmanager
def swapped_targets(algorithm: Algorithm) -> Iterator[None]:
    pairs = algorithm._lagged_networks._lagged_network_pairs
    for pair in pairs:
        pair.target, pair.source = pair.source, pair.target
    yield
    for pair in pairs:
        pair.target, pair.source = pair.source, pair.target


@contextmanager
def copied_target(algorithm: Algorithm) -> Iterator[None]:
    """Use a copy of the target that is synced, as after unpickling a part of the algorithm."""
    before = algorithm.critic_old
    algorithm.critic_old = deepcopy(before)
    yield
    algorithm.critic_old = before


@contextmanager
def frozen_critic(algorithm: Algorithm, parameters: Any) -> Iterator[None]:
    """Freeze the critic while the actor's loss goes through it, as Spinning Up does.

    The critic's optimizer is built over the same `parameters` first, which exhausts an iterator.
    """
    before, forward = algorithm.critic_optim._optim, algorithm.critic.forward
    algorithm.critic_optim._optim = Adam(parameters, lr=1e-3)

    def frozen_forward(obs: Any, act: Any = None) -> Tensor:
        if not (isinstance(act, Tensor) and act.requires_grad):
            return forward(obs, act)
        with frozen(parameters):
            return forward(obs, act)

    with mock.patch.object(algorithm.critic, "forward", frozen_forward):
        yield
    algorithm.critic_optim._optim = before


@contextmanager
def attached_temperature() -> Iterator[None]:
    """Remove the `.detach()` in `AutoAlpha.value`."""
    attached = property(lambda alpha: alpha._log_alpha.exp())
    with mock.patch.object(AutoAlpha, "value", attached):
        yield
