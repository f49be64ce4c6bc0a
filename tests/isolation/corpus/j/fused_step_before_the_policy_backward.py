"""SAC that steps its Q networks, then runs the old policy loss's backward pass through them.

https://github.com/sweetice/Deep-reinforcement-learning-with-pytorch/issues/50: the error comes "at
line `pi_loss.backward(retain_graph = True)`" (VansWaston; two more users ask for a fix). With a
fused optimizer, as here, PyTorch's version counter misses the step: no error and a wrong gradient.
"""

import torch
from torch import Tensor

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch, value_network

CASE = Case(
    identifier="J6",
    mistake_class="J",
    algorithm="SAC",
    url="https://github.com/sweetice/Deep-reinforcement-learning-with-pytorch/issues/50",
    expected=(Expected("update/policy", "q_net", "moved_by_other", Grade.NONZERO, "order"),),
)


class SAC:
    def __init__(self) -> None:
        self.policy_net, self.value_net, self.q_net = actor_network(1), value_network(2), Critic(3)
        self.optimizers = {
            "value": torch.optim.Adam(self.value_net.parameters(), lr=3e-3, fused=True),
            "q": torch.optim.Adam(self.q_net.parameters(), lr=3e-3, fused=True),
            "policy": torch.optim.Adam(self.policy_net.parameters(), lr=3e-3, fused=True),
        }

    def step(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward(retain_graph=True)
        self.optimizers[name].step()

    def policy_loss(self) -> Tensor:
        states = random_batch().states
        expected_new_q = self.q_net(states, self.policy_net(states))
        return (self.value_net(states).detach() - expected_new_q).mean()

    def update(self, *, recompute_policy_loss: bool) -> None:
        batch = random_batch()
        next_values = self.value_net(batch.next_states)
        target = (batch.rewards + 0.99 * (1 - batch.terminated) * next_values).detach()
        q_loss = (self.q_net(batch.states, batch.actions) - target).pow(2).mean()
        new_q = self.q_net(batch.states, self.policy_net(batch.states)).detach()
        value_loss = (self.value_net(batch.states) - new_q).pow(2).mean()
        policy_loss = self.policy_loss()
        self.step("value", value_loss)
        self.step("q", q_loss)
        self.step("policy", self.policy_loss() if recompute_policy_loss else policy_loss)


def contract_and_updates(*, recompute_policy_loss: bool) -> tuple[Contract, Updates]:
    agent = SAC()
    contract = Contract(
        modules={
            "policy_net": agent.policy_net,
            "value_net": agent.value_net,
            "q_net": agent.q_net,
        },
        optimizers=agent.optimizers,
        updates={
            "update": split(
                value=trains("value_net"),
                q=trains("q_net"),
                policy=trains("policy_net", through="q_net"),
            )
        },
    )
    return contract, {"update": lambda: agent.update(recompute_policy_loss=recompute_policy_loss)}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(recompute_policy_loss=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(recompute_policy_loss=True)
