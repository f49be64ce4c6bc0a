"""SAC from pixels: `detach_encoder=True` is accepted but has no effect.

https://github.com/RLinf/RLinf/pull/677 (merged): "Fix the detach_encoder feature in the
CNNPolicy::get_feature function". The policy's forward pass accepts the option among its keyword
arguments but does not pass it to `get_feature`, so the actor loss reaches the encoder.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E18",
    mistake_class="E",
    algorithm="SAC from pixels",
    url="https://github.com/RLinf/RLinf/pull/677",
    expected=(
        Expected(
            "actor_update", "encoder", "leaked", Grade.NONZERO, "written", entry="self.encoder(obs"
        ),
    ),
)


class CNNPolicy(nn.Module):
    """Network with an encoder, an actor and a Q head."""

    def __init__(self, pass_options: bool) -> None:
        super().__init__()
        self.pass_options = pass_options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            convolution = nn.Conv2d(1, 2, kernel_size=3)
        self.encoder = nn.Sequential(convolution, nn.Tanh(), nn.Flatten())
        self.actor = mlp(8 + STATE, 8, ACTION, seed=3, output=nn.Tanh())
        self.q_head = mlp(8 + STATE + ACTION, 8, 1, seed=4)

    def get_feature(self, obs: dict[str, Tensor], detach_encoder: bool = False) -> Tensor:
        visual_feature = self.encoder(obs["images"])
        if detach_encoder:
            visual_feature = visual_feature.detach()
        return torch.cat([visual_feature, obs["states"]], dim=1)

    def sac_forward(self, obs: dict[str, Tensor], **kwargs: bool) -> Tensor:
        options = kwargs if self.pass_options else {}
        return self.actor(self.get_feature(obs, **options))

    def sac_q_forward(
        self, obs: dict[str, Tensor], actions: Tensor, detach_encoder: bool = False
    ) -> Tensor:
        return self.q_head(torch.cat([self.get_feature(obs, detach_encoder), actions], dim=1))


def worker(pass_options: bool) -> tuple[Contract, Updates]:
    model = CNNPolicy(pass_options)
    actor_optimizer = Adam(model.actor.parameters(), lr=3e-4)
    critic_optimizer = Adam([*model.encoder.parameters(), *model.q_head.parameters()], lr=3e-4)
    batch = random_batch()
    generator = torch.Generator().manual_seed(9)
    images = torch.randn(len(batch.states), 1, 4, 4, generator=generator)
    obs = {"images": images, "states": batch.states}

    def critic_update() -> None:
        q = model.sac_q_forward(obs, batch.actions)
        critic_optimizer.zero_grad()
        nn.functional.mse_loss(q, batch.rewards).backward()
        critic_optimizer.step()

    def actor_update() -> None:
        pi = model.sac_forward(obs, detach_encoder=True)
        actor_loss = -model.sac_q_forward(obs, pi, detach_encoder=True).mean()
        actor_optimizer.zero_grad()
        critic_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"encoder": model.encoder, "actor": model.actor, "q_head": model.q_head},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("q_head", "encoder"),
            "actor_update": trains("actor", through="q_head"),
        },
    )
    return contract, {"critic_update": critic_update, "actor_update": actor_update}


def broken() -> tuple[Contract, Updates]:
    return worker(pass_options=False)


def fixed() -> tuple[Contract, Updates]:
    return worker(pass_options=True)
