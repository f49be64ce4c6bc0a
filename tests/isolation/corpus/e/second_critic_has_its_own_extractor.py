"""False alarm: of two critics, the second has its own extractor.

https://github.com/DLR-RM/stable-baselines3/issues/1674: with a shared extractor and two critics,
"for the second Q-function network, a new feature extractor is created. Is this behavior intended?"
It is.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E4",
    mistake_class="E",
    algorithm="SAC",
    url="https://github.com/DLR-RM/stable-baselines3/issues/1674",
    false_alarm=True,
    reason="the contract declares no sharing for the second critic, and there is none",
)


def example() -> tuple[Contract, Updates]:
    extractor, own_extractor = mlp(STATE, 8, seed=1), mlp(STATE, 8, seed=2)
    actor_head = mlp(8, ACTION, seed=3, output=nn.Tanh())
    first_head, second_head = mlp(8 + ACTION, 1, seed=4), mlp(8 + ACTION, 1, seed=5)
    actor = nn.Sequential(extractor, actor_head)
    first = nn.ModuleList([extractor, first_head])
    second = nn.ModuleList([own_extractor, second_head])
    actor_optimizer = Adam(actor.parameters(), lr=3e-4)
    critic_optimizer = Adam([*first_head.parameters(), *second.parameters()], lr=3e-4)
    batch = random_batch()

    def q_values(actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            shared_features = extractor(batch.states)
        own_features = own_extractor(batch.states)
        return (
            first_head(torch.cat([shared_features, actions], dim=1)),
            second_head(torch.cat([own_features, actions], dim=1)),
        )

    def critic_update() -> None:
        losses = [nn.functional.mse_loss(q, batch.rewards) for q in q_values(batch.actions)]
        critic_optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        critic_optimizer.step()

    def actor_update() -> None:
        minimum = torch.min(*q_values(actor(batch.states)))
        actor_optimizer.zero_grad()
        (-minimum.mean()).backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"extractor": extractor, "actor": actor, "critic_1": first, "critic_2": second},
        shared={"extractor": ("actor", "critic_1")},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic_1", "critic_2"),
            "actor_update": trains("actor", "extractor", through=("critic_1", "critic_2")),
        },
    )
    return contract, {"critic_update": critic_update, "actor_update": actor_update}
