"""Small Stable-Baselines3 models, and context managers that plant leaks in them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from typing import Any
from unittest import mock

import torch
from gymnasium import spaces
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.sac import sac
from stable_baselines3.td3 import td3
from torch import Tensor, nn
from torch.optim import Adam

from tests.peers.findings import frozen

Model = Any  # DDPG, TD3 or SAC; no common type has all attributes that the leaks need
ALGORITHMS = [DDPG, TD3, SAC]


class Extractor(BaseFeaturesExtractor):
    def __init__(self, space: spaces.Box, norm: bool = False) -> None:
        super().__init__(space, features_dim=8)
        middle = [nn.BatchNorm1d(8)] if norm else []
        self.net = nn.Sequential(
            nn.Linear(space.shape[0], 8), *middle, nn.Tanh(), nn.Linear(8, 8), nn.Tanh()
        )

    def forward(self, observations: Tensor) -> Tensor:
        return self.net(observations)


SHARED = {"features_extractor_class": Extractor, "share_features_extractor": True}
NORMED = {"features_extractor_class": Extractor, "features_extractor_kwargs": {"norm": True}}


def build_model(algorithm: Any = DDPG, policy: Any = None, **options: Any) -> Model:
    """Build a small model and train it for six updates on Pendulum."""
    model = algorithm(
        "MlpPolicy",
        "Pendulum-v1",
        learning_starts=64,
        buffer_size=200,
        policy_kwargs={"net_arch": [16, 16], **(policy or {})},
        seed=0,
        device="cpu",
        **options,
    )
    return model.learn(70)


@contextmanager
def optimizer_over_everything(model: Model) -> Iterator[None]:
    before = model.actor.optimizer
    model.actor.optimizer = Adam([*model.actor.parameters(), *model.critic.parameters()], lr=1e-3)
    yield
    model.actor.optimizer = before


class TorchWithoutNoGrad:
    """Replacement for `torch` whose `no_grad` does nothing."""

    no_grad = nullcontext

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@contextmanager
def target_without_no_grad() -> Iterator[None]:
    with (
        mock.patch.object(td3, "th", TorchWithoutNoGrad()),
        mock.patch.object(sac, "th", TorchWithoutNoGrad()),
    ):
        yield


@contextmanager
def critic_as_target(model: Model) -> Iterator[None]:
    before = model.critic_target
    model.critic_target = model.policy.critic_target = model.critic
    yield
    model.critic_target = model.policy.critic_target = before


@contextmanager
def frozen_critic(model: Model, parameters: Any) -> Iterator[None]:
    """Freeze the critic while the actor's loss goes through it, as Spinning Up does.

    The critic's optimizer is built over the same `parameters` first, which exhausts an iterator.
    """
    before, forward = model.critic.optimizer, model.critic.q1_forward
    model.critic.optimizer = Adam(parameters, lr=1e-3)

    def frozen_forward(observations: Tensor, actions: Tensor) -> Tensor:
        with frozen(parameters):
            return forward(observations, actions)

    with mock.patch.object(model.critic, "q1_forward", frozen_forward):
        yield
    model.critic.optimizer = before


@contextmanager
def replaced_critic(model: Model, new_optimizer: bool) -> Iterator[None]:
    """Replace the critic, with its optimizer or without."""
    before = model.critic
    critic = deepcopy(before)  # also copies the optimizer
    if not new_optimizer:
        critic.optimizer = before.optimizer
    model.critic = model.policy.critic = critic
    yield
    model.critic = model.policy.critic = before


@contextmanager
def replaced_polyak(update: Callable[[Any, Any, float], None]) -> Iterator[None]:
    with mock.patch.object(td3, "polyak_update", update):
        yield


@contextmanager
def critic_that_trains_the_extractor(model: Model, in_optimizer: bool) -> Iterator[None]:
    """Remove `set_grad_enabled(False)` around the shared extractor.

    Args:
        model: A model with a shared extractor.
        in_optimizer: Build the critic's optimizer over the extractor too.
    """
    before = model.critic.optimizer
    model.critic.share_features_extractor = False
    if in_optimizer:
        model.critic.optimizer = Adam(model.critic.parameters(), lr=1e-3)
    yield
    model.critic.share_features_extractor = True
    model.critic.optimizer = before
