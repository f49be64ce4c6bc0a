"""Evolutionary PPO: a mutation widens both networks but rebuilds the optimizer over the actor only.

https://github.com/AgileRL/AgileRL/issues/154: after the mutations of the hyperparameter search
"there is only one group of parameters left" in the optimizer, the actor's, while a new agent has
two (Fernadoo). From then on no step applies the critic's gradients.
"""

import torch
from torch.distributions import Categorical

from ddpg.isolation import Contract, Grade, moves, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="G5",
    mistake_class="G",
    algorithm="PPO (evolutionary search)",
    url="https://github.com/AgileRL/AgileRL/issues/154",
    expected=(
        Expected("mutate", "critic", "starved", Grade.MOVED, "membership"),
        Expected("learn", "critic", "starved", Grade.NONZERO, "membership"),
    ),
)


class Individual:
    def __init__(self, *, include_critic: bool) -> None:
        self.include_critic, self.width = include_critic, 8
        self.build()
        self.optimizer = torch.optim.Adam(
            [{"params": self.actor.parameters()}, {"params": self.critic.parameters()}], lr=1e-3
        )

    def build(self) -> None:
        self.actor = mlp(STATE, self.width, CHOICES, seed=1)
        self.critic = mlp(STATE, self.width, 1, seed=2)

    def mutate(self) -> None:
        self.width += 4
        self.build()
        networks = (self.actor, self.critic) if self.include_critic else (self.actor,)
        groups = [{"params": network.parameters()} for network in networks]
        self.optimizer = type(self.optimizer)(groups, lr=1e-3)

    def learn(self) -> None:
        batch = random_batch()
        values = self.critic(batch.states)
        advantage = (batch.rewards - values).detach().squeeze(-1)
        log_p = Categorical(logits=self.actor(batch.states)).log_prob(batch.choices.squeeze(-1))
        loss = (values - batch.rewards).pow(2).mean() - (log_p * advantage).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def contract_and_updates(agent: Individual) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"actor": lambda: agent.actor, "critic": lambda: agent.critic},
        optimizers={"optimizer": lambda: agent.optimizer},
        updates={"mutate": moves("actor", "critic"), "learn": trains("actor", "critic")},
        restores=[agent],
    )
    return contract, {"mutate": agent.mutate, "learn": agent.learn}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(Individual(include_critic=False))


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(Individual(include_critic=True))
