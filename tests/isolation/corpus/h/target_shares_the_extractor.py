"""TD3 whose target critic is built with the online critic's features extractor.

https://github.com/DLR-RM/stable-baselines3/issues/135: actor, critic and the targets all get the
same extractor, so the targets' features move with every step of the critic (araffin). Actor and
critic share it on purpose; the target needs its own.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, polyak, random_batch

CASE = Case(
    identifier="H4",
    mistake_class="H",
    algorithm="TD3",
    url="https://github.com/DLR-RM/stable-baselines3/issues/135",
    expected=(
        Expected("setup", "features_extractor", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "critic_target", "leaked", Grade.NOTHING, "aliasing"),
        Expected("critic_update", "critic_target", "leaked", Grade.MOVED, "moved"),
    ),
)


class ContinuousCritic(nn.Module):
    def __init__(self, features_extractor: nn.Module, seed: int) -> None:
        super().__init__()
        self.features_extractor = features_extractor
        self.qf0 = mlp(4 + ACTION, 8, 1, seed=seed)

    def forward(self, states: Tensor, actions: Tensor) -> Tensor:
        return self.qf0(torch.cat([self.features_extractor(states), actions], dim=-1))


class TD3Policy:
    def __init__(self, *, target_extractor: bool) -> None:
        extractor = mlp(STATE, 4, seed=5, output=nn.Tanh())
        self.actor = nn.Sequential(extractor, mlp(4, 8, ACTION, seed=1, output=nn.Tanh()))
        self.critic = ContinuousCritic(extractor, seed=2)
        self.critic_target = ContinuousCritic(
            copy.deepcopy(extractor) if target_extractor else extractor, seed=3
        )
        self.critic_target.load_state_dict(self.critic.state_dict())
        self.extractor = extractor
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update_critic(self) -> None:
        batch = random_batch()
        with torch.no_grad():
            next_values = self.critic_target(batch.next_states, self.actor(batch.next_states))
            target_values = batch.rewards + (1 - batch.terminated) * 0.99 * next_values
        critic_loss = mse_loss(self.critic(batch.states, batch.actions), target_values)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()

    def update_target(self) -> None:
        polyak(self.critic_target, self.critic)


def contract_and_updates(policy: TD3Policy) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={
            "features_extractor": policy.extractor,
            "actor": policy.actor,
            "critic": policy.critic,
            "critic_target": policy.critic_target,
        },
        shared={"features_extractor": ("actor", "critic")},
        optimizers={"critic": policy.critic_optimizer},
        updates={
            "critic_update": trains("critic", "features_extractor"),
            "sync": follows(critic_target="critic"),
        },
    )
    return contract, {"critic_update": policy.update_critic, "sync": policy.update_target}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(TD3Policy(target_extractor=False))


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(TD3Policy(target_extractor=True))
