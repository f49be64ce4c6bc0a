"""SAC of a book: the policy's backward pass runs after the networks of its loss have stepped.

https://github.com/mimoralea/gdrl/issues/34: the notebook "does not work" on a newer PyTorch. The
fix given there is to step the policy before the two online value networks.
"""

import torch
from torch import Tensor
from torch.distributions import Normal

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, Critic, actor_network, random_batch

CASE = Case(
    identifier="J9",
    mistake_class="J",
    algorithm="SAC",
    url="https://github.com/mimoralea/gdrl/issues/34",
    expected=(
        Expected("optimize_model", "online_a", "moved_by_other", Grade.MOVED, "order"),
        Expected("optimize_model", "online_b", "moved_by_other", Grade.MOVED, "order"),
    ),
)


class SAC:
    def __init__(self) -> None:
        self.policy = actor_network(1)
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.online_a, self.online_b = Critic(2), Critic(3)
        self.noise = torch.randn(6, ACTION, generator=torch.Generator().manual_seed(0))
        self.optimizers = {
            "alpha": torch.optim.SGD([self.log_alpha], lr=1e-2),
            "policy": torch.optim.SGD(self.policy.parameters(), lr=1e-2),
            "online_a": torch.optim.SGD(self.online_a.parameters(), lr=1e-2, momentum=0.9),
            "online_b": torch.optim.SGD(self.online_b.parameters(), lr=1e-2, momentum=0.9),
        }

    def full_pass(self, states: Tensor) -> tuple[Tensor, Tensor]:
        distribution = Normal(self.policy(states), 0.2)
        actions = distribution.mean + 0.2 * self.noise
        return actions, distribution.log_prob(actions.detach()).sum(1, keepdim=True)

    def optimize_model(self, order: tuple[str, ...]) -> None:
        batch = random_batch()
        current_actions, logpi = self.full_pass(batch.states)
        alpha_loss = -(self.log_alpha * (logpi - 2.0).detach()).mean()
        alpha = self.log_alpha.detach().exp()
        current_q = torch.min(
            self.online_a(batch.states, current_actions),
            self.online_b(batch.states, current_actions),
        )
        policy_loss = (alpha * logpi - current_q).mean()
        target = batch.rewards * (1 - batch.terminated)
        losses = {
            "alpha": alpha_loss,
            "policy": policy_loss,
            "online_a": (self.online_a(batch.states, batch.actions) - target).pow(2).mean(),
            "online_b": (self.online_b(batch.states, batch.actions) - target).pow(2).mean(),
        }
        for name in order:
            self.optimizers[name].zero_grad()
            losses[name].backward()
            self.optimizers[name].step()


def contract_and_updates(order: tuple[str, ...]) -> tuple[Contract, Updates]:
    agent = SAC()
    contract = Contract(
        modules={
            "policy": agent.policy,
            "log_alpha": agent.log_alpha,
            "online_a": agent.online_a,
            "online_b": agent.online_b,
        },
        optimizers=agent.optimizers,
        updates={"optimize_model": trains("policy", "log_alpha", "online_a", "online_b")},
    )
    return contract, {"optimize_model": lambda: agent.optimize_model(order)}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(("alpha", "online_a", "online_b", "policy"))


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(("alpha", "policy", "online_a", "online_b"))
