"""PPO whose `load()` replaces the networks, while the optimizers keep the old ones.

https://github.com/OFDataCommittee/drlfoam/issues/2: after `PPOAgent.load()` "an update of the
network weights is not possible because the optimizers need to be re-initialized, too"
(AndreWeiner).
"""

import copy

import torch
from torch import nn
from torch.distributions import Categorical

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="G1",
    mistake_class="G",
    algorithm="PPO",
    url="https://github.com/OFDataCommittee/drlfoam/issues/2",
    expected=(
        Expected("policy_update", "policy", "starved", Grade.NONZERO, "membership"),
        Expected("value_update", "value", "starved", Grade.NONZERO, "membership"),
    ),
)


class PPOAgent:
    def __init__(self) -> None:
        self.policy: nn.Module = q_network()
        self.value: nn.Module = value_network()
        self.create_optimizers()

    def create_optimizers(self) -> None:
        self.policy_optimizer = torch.optim.Adam(self.policy.parameters(), lr=1e-3)
        self.value_optimizer = torch.optim.Adam(self.value.parameters(), lr=5e-4)

    def load(self, policy: nn.Module, value: nn.Module) -> None:
        self.policy, self.value = policy, value

    def update_policy(self) -> None:
        batch = random_batch()
        log_p = Categorical(logits=self.policy(batch.states)).log_prob(batch.choices.squeeze(-1))
        ratio = (log_p - log_p.detach()).exp()
        advantage = (batch.rewards - self.value(batch.states).detach()).squeeze(-1)
        loss = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        self.policy_optimizer.zero_grad()
        loss.backward()
        self.policy_optimizer.step()

    def update_value(self) -> None:
        batch = random_batch()
        loss = (self.value(batch.states) - batch.rewards).pow(2).mean()
        self.value_optimizer.zero_grad()
        loss.backward()
        self.value_optimizer.step()


def restarted() -> PPOAgent:
    """Return an agent that has just loaded the networks of an earlier run."""
    agent = PPOAgent()
    agent.load(copy.deepcopy(agent.policy), copy.deepcopy(agent.value))
    return agent


def contract_and_updates(agent: PPOAgent) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"policy": agent.policy, "value": agent.value},
        optimizers={"policy": agent.policy_optimizer, "value": agent.value_optimizer},
        updates={"value_update": trains("value"), "policy_update": trains("policy")},
    )
    return contract, {"value_update": agent.update_value, "policy_update": agent.update_policy}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(restarted())


def fixed() -> tuple[Contract, Updates]:
    agent = restarted()
    agent.create_optimizers()
    return contract_and_updates(agent)
