"""False alarm: the actor's convolutions are the same parameters as the critic's.

https://github.com/denisyarats/pytorch_sac_ae/issues/4: three users doubt that
`copy_conv_weights_from` ties the weights, and one concludes that the actor's encoder never learns.
"copy_conv_weights not just copies parameters, it makes them sharable between the actor and critic":
the critic's step moves both.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E9",
    mistake_class="E",
    algorithm="SAC-AE",
    url="https://github.com/denisyarats/pytorch_sac_ae/issues/4",
    false_alarm=True,
    reason="the sharing is declared and exists; only the critic's loss trains the shared layer",
)


class Encoder(nn.Module):
    """A tied layer (convolutions in the original) and a layer that is not tied."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.convs = mlp(STATE, 8, seed=seed, output=nn.Tanh())
        self.fc = mlp(8, 6, seed=seed + 1)

    def copy_conv_weights_from(self, source: "Encoder") -> None:
        for own, other in zip(self.convs, source.convs, strict=True):
            if isinstance(own, nn.Linear) and isinstance(other, nn.Linear):
                own.weight = other.weight
                own.bias = other.bias

    def forward(self, obs: Tensor, detach: bool = False) -> Tensor:
        hidden = self.convs(obs)
        return self.fc(hidden.detach() if detach else hidden)


def example() -> tuple[Contract, Updates]:
    critic_encoder, actor_encoder = Encoder(seed=1), Encoder(seed=4)
    actor_encoder.copy_conv_weights_from(critic_encoder)
    critic = nn.ModuleDict({"encoder": critic_encoder, "q": mlp(6 + ACTION, 1, seed=7)})
    actor = nn.ModuleDict({"encoder": actor_encoder, "mu": mlp(6, ACTION, seed=8)})
    actor_optimizer = Adam([*actor_encoder.fc.parameters(), *actor["mu"].parameters()], lr=1e-3)
    critic_optimizer = Adam(critic.parameters(), lr=1e-3)
    batch = random_batch()

    def q_value(actions: Tensor, detach_encoder: bool = False) -> Tensor:
        features = critic["encoder"](batch.states, detach_encoder)
        return critic["q"](torch.cat([features, actions], dim=1))

    def update_critic() -> None:
        critic_optimizer.zero_grad()
        nn.functional.mse_loss(q_value(batch.actions), batch.rewards).backward()
        critic_optimizer.step()

    def update_actor() -> None:
        actions = torch.tanh(actor["mu"](actor["encoder"](batch.states, True)))
        actor_optimizer.zero_grad()
        (-q_value(actions, detach_encoder=True).mean()).backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"convs": critic_encoder.convs, "actor": actor, "critic": critic},
        shared={"convs": ("actor", "critic")},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "update_critic": trains("critic", "convs"),
            "update_actor": trains("actor", through="critic"),
        },
    )
    return contract, {"update_critic": update_critic, "update_actor": update_actor}
