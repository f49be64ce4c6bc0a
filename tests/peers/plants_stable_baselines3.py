"""Small Stable-Baselines3 models, and leaks to plant in them from outside."""

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

Model = Any  # one of these three; they share no type that has all that is planted here
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


def trained(algorithm: Any = DDPG, policy: Any = None, **options: Any) -> Model:
    """A small model after six updates on Pendulum."""
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


class WithoutNoGrad:
    """What the library's module sees as `torch`, where `no_grad` does nothing."""

    no_grad = nullcontext

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@contextmanager
def target_without_no_grad() -> Iterator[None]:
    with (
        mock.patch.object(td3, "th", WithoutNoGrad()),
        mock.patch.object(sac, "th", WithoutNoGrad()),
    ):
        yield


@contextmanager
def target_that_is_the_critic(model: Model) -> Iterator[None]:
    before = model.critic_target
    model.critic_target = model.policy.critic_target = model.critic
    yield
    model.critic_target = model.policy.critic_target = before


@contextmanager
def freezing(model: Model, parameters: Any) -> Iterator[None]:
    """The actor's pass through the critic, frozen for its time: Spinning Up's idiom.

    The critic's optimizer is built over the same `parameters` first. An iterator is exhausted then.
    """
    before, forward = model.critic.optimizer, model.critic.q1_forward
    model.critic.optimizer = Adam(parameters, lr=1e-3)

    def frozen_forward(observations: Tensor, actions: Tensor) -> Tensor:
        for parameter in parameters:
            parameter.requires_grad_(False)
        values = forward(observations, actions)
        for parameter in parameters:
            parameter.requires_grad_(True)
        return values

    with mock.patch.object(model.critic, "q1_forward", frozen_forward):
        yield
    model.critic.optimizer = before


@contextmanager
def critic_replaced(model: Model, with_optimizer: bool) -> Iterator[None]:
    """A new critic is put in, and the optimizer of the old one kept, or a new one built."""
    before = model.critic
    critic = deepcopy(before)  # takes a copy of the optimizer along
    if not with_optimizer:
        critic.optimizer = before.optimizer
    model.critic = model.policy.critic = critic
    yield
    model.critic = model.policy.critic = before


@contextmanager
def polyak(update: Callable[[Any, Any, float], None]) -> Iterator[None]:
    with mock.patch.object(td3, "polyak_update", update):
        yield


@contextmanager
def critic_trains_the_shared_extractor(model: Model, optimizer: bool) -> Iterator[None]:
    """Without the `set_grad_enabled(False)` around it; and with an optimizer that holds it."""
    before = model.critic.optimizer
    model.critic.share_features_extractor = False
    if optimizer:
        model.critic.optimizer = Adam(model.critic.parameters(), lr=1e-3)
    yield
    model.critic.share_features_extractor = True
    model.critic.optimizer = before
