"""SAC whose loaded temperature is a new tensor, while its optimizer keeps the old one.

https://github.com/MushroomRL/mushroom-rl/issues/139: "in SAC the optimizer for alpha is not loaded
properly. The alpha parameter is not continued training after load" (PuzeLiu). The networks keep
training.
"""

import torch
from torch import Tensor
from torch.distributions import Normal

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, Critic, actor_network, random_batch

CASE = Case(
    identifier="G4",
    mistake_class="G",
    algorithm="SAC",
    url="https://github.com/MushroomRL/mushroom-rl/issues/139",
    expected=(Expected("alpha_update", "log_alpha", "starved", Grade.NONZERO, "membership"),),
)


class SAC:
    def __init__(self) -> None:
        self.actor, self.critic = actor_network(), Critic()
        self.log_alpha = torch.zeros((), requires_grad=True)
        self.noise = torch.randn(6, ACTION, generator=torch.Generator().manual_seed(4))
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=1e-3)

    def load(self, log_alpha: Tensor) -> None:
        self.log_alpha = log_alpha.clone().requires_grad_()

    def sample(self, states: Tensor) -> tuple[Tensor, Tensor]:
        policy = Normal(self.actor(states), 0.3)
        actions = policy.mean + 0.3 * self.noise
        return actions, policy.log_prob(actions).sum(-1, keepdim=True)

    def update_actor(self) -> None:
        states = random_batch().states
        actions, log_p = self.sample(states)
        loss = (self.log_alpha.exp().detach() * log_p - self.critic(states, actions)).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()

    def update_alpha(self) -> None:
        _, log_p = self.sample(random_batch().states)
        loss = -(self.log_alpha * (log_p + 2.0).detach()).mean()
        self.alpha_optimizer.zero_grad()
        loss.backward()
        self.alpha_optimizer.step()


def contract_and_updates(agent: SAC) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={
            "actor": agent.actor,
            "critic": agent.critic,
            "log_alpha": lambda: agent.log_alpha,
        },
        optimizers={"actor": agent.actor_optimizer, "alpha": agent.alpha_optimizer},
        updates={
            "actor_update": trains("actor", through="critic"),
            "alpha_update": trains("log_alpha"),
        },
    )
    return contract, {"actor_update": agent.update_actor, "alpha_update": agent.update_alpha}


def broken() -> tuple[Contract, Updates]:
    agent = SAC()
    agent.load(torch.tensor(-1.0))
    return contract_and_updates(agent)


def fixed() -> tuple[Contract, Updates]:
    agent = SAC()
    agent.load(torch.tensor(-1.0))
    agent.alpha_optimizer = torch.optim.Adam([agent.log_alpha], lr=1e-3)
    return contract_and_updates(agent)
