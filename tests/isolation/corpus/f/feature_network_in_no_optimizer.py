"""The shared convolutional network is in neither optimizer.

https://github.com/SforAiDl/genrl/issues/315: `get_action` and `get_value` both use `self.feature`,
but the optimizers are built from `self.ac.actor.parameters()` and `self.ac.critic.parameters()`.
"The weights of the CNN layers dont get updated."
"""

from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, mlp, random_batch

CASE = Case(
    identifier="F2",
    mistake_class="F",
    algorithm="A2C and PPO with a CNN",
    url="https://github.com/SforAiDl/genrl/issues/315",
    expected=(
        Expected("policy_update", "feature", "starved", Grade.NONZERO, "membership"),
        Expected("value_update", "feature", "starved", Grade.NONZERO, "membership"),
    ),
)


class CNNActorCritic(nn.Module):
    """Policy and value heads over one convolutional network."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.feature = nn.Sequential(nn.Conv2d(1, 2, kernel_size=3), nn.Tanh())
        self.actor = mlp(8, CHOICES, seed=2)
        self.critic = mlp(8, 1, seed=3)

    def get_logits(self, state: Tensor) -> Tensor:
        return self.actor(self.feature(state).flatten(1))

    def get_value(self, state: Tensor) -> Tensor:
        return self.critic(self.feature(state).flatten(1)).squeeze(-1)


def agent(include_feature: bool) -> tuple[Contract, Updates]:
    ac = CNNActorCritic()
    feature = list(ac.feature.parameters()) if include_feature else []
    optimizer_policy = Adam(chain(feature, ac.actor.parameters()), lr=1e-4)
    optimizer_value = Adam(chain(feature, ac.critic.parameters()), lr=1e-3)
    batch = random_batch()
    images = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(9))
    choices, returns = batch.choices.squeeze(-1), batch.rewards.squeeze(-1)

    def policy_update() -> None:
        distribution = torch.distributions.Categorical(logits=ac.get_logits(images))
        advantages = returns - ac.get_value(images).detach()
        optimizer_policy.zero_grad()
        (-(distribution.log_prob(choices) * advantages).mean()).backward()
        nn.utils.clip_grad_norm_(ac.actor.parameters(), 0.5)
        optimizer_policy.step()

    def value_update() -> None:
        optimizer_value.zero_grad()
        nn.functional.mse_loss(ac.get_value(images), returns).backward()
        nn.utils.clip_grad_norm_(ac.critic.parameters(), 0.5)
        optimizer_value.step()

    contract = Contract(
        modules={"feature": ac.feature, "actor": ac.actor, "critic": ac.critic},
        optimizers={"policy": optimizer_policy, "value": optimizer_value},
        updates={
            "policy_update": trains("actor", "feature"),
            "value_update": trains("critic", "feature"),
        },
    )
    return contract, {"policy_update": policy_update, "value_update": value_update}


def broken() -> tuple[Contract, Updates]:
    return agent(include_feature=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(include_feature=True)
