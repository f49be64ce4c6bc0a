"""DDPG whose critic's output is clipped to the range of returns inside the actor's loss.

https://github.com/openai/baselines/issues/131: "what is the gradient when the value is too large
and gets clipped?" (danijar). Exactly zero: if the critic overestimates, the actor gets no gradient,
although the path exists.
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="N3",
    mistake_class="N",
    algorithm="DDPG",
    url="https://github.com/openai/baselines/issues/131",
    expected=(Expected("train_actor", "actor", "starved", Grade.ZERO, "written"),),
)


class DDPG:
    def __init__(self) -> None:
        self.actor, self.critic = actor_network(), Critic()
        *_, last_bias = self.critic.parameters()
        nn.init.constant_(last_bias, 50.0)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-4)

    def critic_with_actor(self, states: Tensor) -> Tensor:
        return self.critic(states, self.actor(states))

    def train_actor(self, *, return_range: tuple[float, float]) -> None:
        values = self.critic_with_actor(random_batch().states)
        actor_loss = -values.clamp(*return_range).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()


def contract_and_updates(return_range: tuple[float, float]) -> tuple[Contract, Updates]:
    agent = DDPG()
    contract = Contract(
        modules={"actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer},
        updates={"train_actor": trains("actor", through="critic")},
    )
    return contract, {"train_actor": lambda: agent.train_actor(return_range=return_range)}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates((-10.0, 10.0))


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates((-torch.inf, torch.inf))
