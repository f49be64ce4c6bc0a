"""PPO whose joint clip has `max_norm` 0, which multiplies every gradient by zero.

https://github.com/strands-labs/robots/pull/2028: `clip_grad_norm_(actor_critic.parameters(), 0)`
and "0 of 34,701 parameters moved", while `train()` reports success (cagataycali).
"""

import torch
from torch import nn
from torch.distributions import Normal

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import actor_network, random_batch, value_network

CASE = Case(
    identifier="M6",
    mistake_class="M",
    algorithm="PPO",
    url="https://github.com/strands-labs/robots/pull/2028",
    expected=(
        Expected("update", "actor", "starved", Grade.ZERO, "written"),
        Expected("update", "critic", "starved", Grade.ZERO, "written"),
    ),
)


def contract_and_updates(max_grad_norm: float) -> tuple[Contract, Updates]:
    actor_critic = nn.ModuleDict({"actor": actor_network(), "critic": value_network()})
    optimizer = torch.optim.Adam(actor_critic.parameters(), lr=3e-4)

    def update() -> None:
        batch = random_batch()
        values = actor_critic["critic"](batch.states)
        advantages = (batch.rewards - values).detach()
        policy = Normal(actor_critic["actor"](batch.states), 0.5)
        log_p = policy.log_prob(batch.actions).sum(-1, keepdim=True)
        ratio = (log_p - log_p.detach()).exp()
        clipped = ratio.clamp(0.8, 1.2)
        policy_loss = -torch.min(ratio * advantages, clipped * advantages).mean()
        loss = policy_loss + 0.5 * (batch.rewards - values).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(actor_critic.parameters(), max_grad_norm)
        optimizer.step()

    contract = Contract(
        modules={"actor": actor_critic["actor"], "critic": actor_critic["critic"]},
        optimizers={"optimizer": optimizer},
        updates={"update": trains("actor", "critic")},
    )
    return contract, {"update": update}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(max_grad_norm=0.0)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(max_grad_norm=0.5)
