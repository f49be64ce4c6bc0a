"""Convolutions that the actor and the encoder share, and a critic that contains the encoder.

The critic need not be named as a borrower, since it contains one. Broken: a target that is a
shallow copy of the critic shares the convolutions too.
"""

import copy
from functools import partial

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch


class Encoder(nn.Module):
    def __init__(self, convs: nn.Module, seed: int) -> None:
        super().__init__()
        self.convs, self.head = convs, mlp(8, 4, seed=seed)

    def forward(self, states: Tensor) -> Tensor:
        return self.head(self.convs(states))


class Critic(nn.Module):
    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.value = encoder, mlp(4 + ACTION, 1, seed=3)

    def forward(self, states: Tensor, actions: Tensor) -> Tensor:
        return self.value(torch.cat([self.encoder(states), actions], dim=-1))


def example(*, names_all: bool, shallow: bool) -> tuple[Contract, Updates]:
    convs = mlp(STATE, 8)
    encoder = Encoder(convs, seed=1)
    actor = nn.Sequential(Encoder(convs, seed=2), mlp(4, ACTION, seed=4))
    critic = Critic(encoder)
    target = copy.deepcopy(critic)
    if shallow:
        target.encoder.convs = convs
    batch = random_batch()
    optimizer = torch.optim.Adam(critic.parameters())
    actor_optimizer = torch.optim.Adam([*actor[0].head.parameters(), *actor[1].parameters()])  # pyright: ignore

    def critic_update() -> None:
        optimizer.zero_grad()
        critic(batch.states, batch.actions).square().mean().backward()
        optimizer.step()

    def actor_update() -> None:
        actor_optimizer.zero_grad()
        with torch.no_grad():
            features = convs(batch.states)
        actor[1](actor[0].head(features)).square().mean().backward()  # pyright: ignore
        actor_optimizer.step()

    modules = {"convs": convs, "actor": actor, "encoder": encoder, "critic": critic}
    contract = Contract(
        modules={**modules, "target": target},
        optimizers={"critic": optimizer, "actor": actor_optimizer},
        updates={
            "critic_update": trains("critic", "encoder", "convs"),
            "actor_update": trains("actor"),
        },
        shared={"convs": ("actor", "encoder", "critic") if names_all else ("actor", "encoder")},
    )
    return contract, {"critic_update": critic_update, "actor_update": actor_update}


EXPECTED = (
    Expected("setup", "convs", "leaked", Grade.NOTHING, "aliasing"),
    Expected("setup", "target", "leaked", Grade.NOTHING, "aliasing"),
    Expected("critic_update", "target", "leaked", Grade.MOVED, "moved"),
)
STYLES = {
    name: Style(
        "SAC-AE",
        partial(example, names_all=names_all, shallow=False),
        partial(example, names_all=names_all, shallow=True),
        EXPECTED,
    )
    for name, names_all in (("named", True), ("not_named", False))
}
