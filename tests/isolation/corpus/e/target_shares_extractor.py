"""The target critic is built around the online networks' features extractor.

https://github.com/DLR-RM/stable-baselines3/pull/198, mending issue 135 "Separate feature extractor
for target network (SAC/TD3)": the extractor that actor and critic share was the target's too, so
that the target moved with every actor step.
"""

import copy

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, polyak, random_batch

CASE = Case(
    identifier="E3",
    mistake_class="E",
    algorithm="SAC and TD3",
    url="https://github.com/DLR-RM/stable-baselines3/pull/198",
    expected=(
        Expected("setup", "features_extractor", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "critic_target", "leaked", Grade.NOTHING, "aliasing"),
        Expected("actor_update", "critic_target", "leaked", Grade.MOVED, "moved"),
    ),
)


class Actor(nn.Module):
    """A policy on top of a features extractor that is handed in."""

    def __init__(self, features_extractor: nn.Module) -> None:
        super().__init__()
        self.features_extractor = features_extractor
        self.mu = mlp(8, ACTION, seed=2, output=nn.Tanh())

    def forward(self, observations: Tensor) -> Tensor:
        return self.mu(self.features_extractor(observations))


class ContinuousCritic(nn.Module):
    """A Q function on top of a features extractor that is handed in, and that it does not train."""

    def __init__(self, features_extractor: nn.Module) -> None:
        super().__init__()
        self.features_extractor = features_extractor
        self.qf = mlp(8 + ACTION, 8, 1, seed=3)

    def forward(self, observations: Tensor, actions: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.features_extractor(observations)
        return self.qf(torch.cat([features, actions], dim=1))


def policy(own_extractor: bool) -> tuple[Contract, Updates]:
    features_extractor = mlp(STATE, 8, seed=1, output=nn.Tanh())
    actor = Actor(features_extractor)
    critic = ContinuousCritic(features_extractor)
    # "Critic target should not share the features extractor with critic"
    critic_target = ContinuousCritic(
        copy.deepcopy(features_extractor) if own_extractor else features_extractor
    )
    actor_optimizer = Adam(actor.parameters(), lr=3e-4)
    critic_optimizer = Adam(critic.qf.parameters(), lr=3e-4)
    batch = random_batch()

    def critic_update() -> None:
        with torch.no_grad():
            next_q = critic_target(batch.next_states, actor(batch.next_states))
            target = batch.rewards + 0.99 * (1 - batch.terminated) * next_q
        critic_loss = nn.functional.mse_loss(critic(batch.states, batch.actions), target)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

    def actor_update() -> None:
        actor_loss = -critic(batch.states, actor(batch.states)).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    contract = Contract(
        modules={
            "features_extractor": features_extractor,
            "actor": actor,
            "critic": critic,
            "critic_target": critic_target,
        },
        shared={"features_extractor": ("actor", "critic")},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic"),
            "actor_update": trains("actor", "features_extractor", through="critic"),
            "sync": follows(critic_target="critic"),
        },
    )
    return contract, {
        "critic_update": critic_update,
        "actor_update": actor_update,
        "sync": lambda: polyak(critic_target, critic),
    }


def broken() -> tuple[Contract, Updates]:
    return policy(own_extractor=False)


def mended() -> tuple[Contract, Updates]:
    return policy(own_extractor=True)
