"""DDPG whose first sync asks for tau 1 but uses the agent's own small tau.

https://github.com/mimoralea/gdrl/pull/14: `update_networks(tau=1.0)` at the start of `train` should
copy, but the body uses `self.tau`, so the targets start as different networks (TroddenSpade).
"""

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="I7",
    mistake_class="I",
    algorithm="DDPG",
    url="https://github.com/mimoralea/gdrl/pull/14",
    expected=(
        Expected("setup", "target_value", "starved", Grade.NOTHING, "moved"),
        Expected("setup", "target_policy", "starved", Grade.NOTHING, "moved"),
    ),
)


class DDPG:
    def __init__(self) -> None:
        self.tau = 0.005
        self.online_policy, self.target_policy = actor_network(1), actor_network(11)
        self.online_value, self.target_value = Critic(2), Critic(12)
        self.value_optimizer = torch.optim.Adam(self.online_value.parameters(), lr=3e-4)
        self.policy_optimizer = torch.optim.Adam(self.online_policy.parameters(), lr=3e-4)

    def pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        return [
            (self.target_value, self.online_value),
            (self.target_policy, self.online_policy),
        ]

    def mix(self, tau: float) -> None:
        for target_network, online_network in self.pairs():
            for target, online in zip(
                target_network.parameters(), online_network.parameters(), strict=True
            ):
                target.data.copy_((1.0 - tau) * target.data + tau * online.data)

    def update_networks_as_reported(self, tau: float | None = None) -> None:
        tau = self.tau if tau is None else tau
        self.mix(self.tau)

    def update_networks(self, tau: float | None = None) -> None:
        tau = self.tau if tau is None else tau
        self.mix(tau)

    def optimize_value(self) -> None:
        batch = random_batch()
        next_values = self.target_value(batch.next_states, self.target_policy(batch.next_states))
        targets = batch.rewards + 0.99 * next_values * (1 - batch.terminated)
        loss = (self.online_value(batch.states, batch.actions) - targets.detach()).pow(2).mean()
        self.value_optimizer.zero_grad()
        loss.backward()
        self.value_optimizer.step()

    def optimize_policy(self) -> None:
        states = random_batch().states
        loss = -self.online_value(states, self.online_policy(states)).mean()
        self.policy_optimizer.zero_grad()
        loss.backward()
        self.policy_optimizer.step()


def contract(agent: DDPG) -> Contract:
    pairs = {"target_value": "online_value", "target_policy": "online_policy"}
    return Contract(
        modules={
            "online_policy": agent.online_policy,
            "target_policy": agent.target_policy,
            "online_value": agent.online_value,
            "target_value": agent.target_value,
        },
        optimizers={"value": agent.value_optimizer, "policy": agent.policy_optimizer},
        updates={
            "optimize_value": trains("online_value"),
            "optimize_policy": trains("online_policy", through="online_value"),
            "update_networks": follows(**pairs),
        },
        equal_at_start=pairs,
    )


def broken() -> tuple[Contract, Updates]:
    agent = DDPG()
    agent.update_networks_as_reported(tau=1.0)
    return contract(agent), {
        "optimize_value": agent.optimize_value,
        "optimize_policy": agent.optimize_policy,
        "update_networks": agent.update_networks_as_reported,
    }


def fixed() -> tuple[Contract, Updates]:
    agent = DDPG()
    agent.update_networks(tau=1.0)
    return contract(agent), {
        "optimize_value": agent.optimize_value,
        "optimize_policy": agent.optimize_policy,
        "update_networks": agent.update_networks,
    }
