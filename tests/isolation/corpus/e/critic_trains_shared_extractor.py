"""The critic's optimizer holds the features extractor that it shares with the actor.

https://github.com/DLR-RM/stable-baselines3/pull/198 removes the extractor from the critic's
parameter list by its name: "Do not optimize the shared features extractor with the critic loss
otherwise, there are gradient computation issues".
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E3",
    mistake_class="E",
    algorithm="SAC and TD3",
    url="https://github.com/DLR-RM/stable-baselines3/pull/198",
    expected=(
        Expected(
            "critic_update",
            "features_extractor",
            "leaked",
            Grade.MOVED,
            "moved",
            entry="features = critic[",
        ),
        Expected("critic_update", "features_extractor", "leaked", Grade.MOVED, "membership"),
    ),
)


def policy(actor_only: bool) -> tuple[Contract, Updates]:
    features_extractor = mlp(STATE, 8, seed=1, output=nn.Tanh())
    actor = nn.ModuleDict(
        {"features_extractor": features_extractor, "mu": mlp(8, ACTION, seed=2, output=nn.Tanh())}
    )
    critic = nn.ModuleDict(
        {"features_extractor": features_extractor, "qf0": mlp(8 + ACTION, 8, 1, seed=3)}
    )
    critic_parameters = [
        parameter
        for name, parameter in critic.named_parameters()
        if not (actor_only and "features_extractor" in name)
    ]
    actor_optimizer = Adam(actor.parameters(), lr=3e-4)
    critic_optimizer = Adam(critic_parameters, lr=3e-4)
    batch = random_batch()

    def q_value(actions: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(not actor_only):
            features = critic["features_extractor"](batch.states)
        return critic["qf0"](torch.cat([features, actions], dim=1))

    def critic_update() -> None:
        critic_loss = nn.functional.mse_loss(q_value(batch.actions), batch.rewards)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

    def actor_update() -> None:
        actor_loss = -q_value(actor["mu"](actor["features_extractor"](batch.states))).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"features_extractor": features_extractor, "actor": actor, "critic": critic},
        shared={"features_extractor": ("actor", "critic")},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic"),
            "actor_update": trains("actor", "features_extractor", through="critic"),
        },
    )
    return contract, {"critic_update": critic_update, "actor_update": actor_update}


def broken() -> tuple[Contract, Updates]:
    return policy(actor_only=False)


def fixed() -> tuple[Contract, Updates]:
    return policy(actor_only=True)
