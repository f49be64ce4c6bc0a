"""False alarm: after a reload, SAC's critics and optimizers seem not to belong together.

https://github.com/thu-ml/tianshou/issues/570: "networks and optimizers for SAC critics are
different when saved compared to unsaved objects" (jacekplocharczyk). The report compares two
agents. Within the reloaded one, each optimizer holds its own critic's parameters, since
`load_state_dict` copies the loaded values into the existing parameters.
"""

import copy

import torch
from torch import nn

from ddpg.isolation import Contract, follows, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch

CASE = Case(
    identifier="G3",
    mistake_class="G",
    algorithm="SAC",
    url="https://github.com/thu-ml/tianshou/issues/570",
    false_alarm=True,
    reason="load_state_dict copies into the parameters that the optimizers already hold",
)


class SACPolicy(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.actor = actor_network(seed)
        self.critic1, self.critic2 = Critic(seed + 1), Critic(seed + 2)
        self.critic1_old = copy.deepcopy(self.critic1)
        self.critic2_old = copy.deepcopy(self.critic2)
        self.critic1_optim = torch.optim.Adam(self.critic1.parameters(), lr=1e-3)
        self.critic2_optim = torch.optim.Adam(self.critic2.parameters(), lr=1e-3)

    def update_critics(self) -> None:
        batch = random_batch()
        with torch.no_grad():
            next_actions = self.actor(batch.next_states)
            next_values = torch.min(
                self.critic1_old(batch.next_states, next_actions),
                self.critic2_old(batch.next_states, next_actions),
            )
            targets = batch.rewards + 0.99 * (1 - batch.terminated) * next_values
        for critic, optim in (
            (self.critic1, self.critic1_optim),
            (self.critic2, self.critic2_optim),
        ):
            loss = (critic(batch.states, batch.actions) - targets).pow(2).mean()
            optim.zero_grad()
            loss.backward()
            optim.step()

    def sync(self) -> None:
        polyak(self.critic1_old, self.critic1)
        polyak(self.critic2_old, self.critic2)


def example() -> tuple[Contract, Updates]:
    saved = SACPolicy(seed=10).state_dict()
    policy = SACPolicy(seed=20)
    policy.load_state_dict(saved)
    contract = Contract(
        modules={
            "actor": policy.actor,
            "critic1": policy.critic1,
            "critic2": policy.critic2,
            "critic1_old": policy.critic1_old,
            "critic2_old": policy.critic2_old,
        },
        optimizers={"critic1": policy.critic1_optim, "critic2": policy.critic2_optim},
        updates={
            "critic_update": trains("critic1", "critic2"),
            "sync": follows(critic1_old="critic1", critic2_old="critic2"),
        },
        equal_at_start={"critic1_old": "critic1", "critic2_old": "critic2"},
    )
    return contract, {"critic_update": policy.update_critics, "sync": policy.sync}
