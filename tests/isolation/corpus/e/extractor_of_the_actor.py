"""False alarm: a shared features extractor that only the actor loss trains.

https://github.com/DLR-RM/stable-baselines3/issues/691: why does only the policy loss train a shared
extractor, while RAD, CURL and DrQ do the opposite? It is a choice, enforced by `set_grad_enabled`
and by a filter on parameter names.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E1",
    mistake_class="E",
    algorithm="SAC and TD3",
    url="https://github.com/DLR-RM/stable-baselines3/issues/691",
    false_alarm=True,
    reason="the contract gives the extractor to the actor, and the critic loss never reaches it",
)


class ContinuousCritic(nn.Module):
    """Q function that disables gradients in a shared extractor."""

    def __init__(self, features_extractor: nn.Module, share_features_extractor: bool) -> None:
        super().__init__()
        self.features_extractor = features_extractor
        self.share_features_extractor = share_features_extractor
        self.q = mlp(8 + ACTION, 8, 1, seed=3)

    def forward(self, observations: Tensor, actions: Tensor) -> Tensor:
        with torch.set_grad_enabled(not self.share_features_extractor):
            features = self.features_extractor(observations)
        return self.q(torch.cat([features, actions], dim=1))


def example() -> tuple[Contract, Updates]:
    extractor = mlp(STATE, 8, seed=1, output=nn.ReLU())
    actor = nn.Sequential(extractor, mlp(8, ACTION, seed=2, output=nn.Tanh()))
    critic = ContinuousCritic(extractor, share_features_extractor=True)
    actor_optimizer = Adam(actor.parameters(), lr=3e-4)
    critic_optimizer = Adam(
        [each for name, each in critic.named_parameters() if "features_extractor" not in name],
        lr=3e-4,
    )
    batch = random_batch()

    def critic_update() -> None:
        q = critic(batch.states, batch.actions)
        critic_optimizer.zero_grad()
        nn.functional.mse_loss(q, batch.rewards).backward()
        critic_optimizer.step()

    def actor_update() -> None:
        actor_optimizer.zero_grad()
        (-critic(batch.states, actor(batch.states)).mean()).backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"extractor": extractor, "actor": actor, "critic": critic},
        shared={"extractor": ("actor", "critic")},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic"),
            "actor_update": trains("actor", "extractor", through="critic"),
        },
    )
    return contract, {"critic_update": critic_update, "actor_update": actor_update}
