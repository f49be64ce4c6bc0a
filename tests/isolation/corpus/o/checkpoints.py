"""Activation checkpoints: the engine runs a forward pass and a backward pass inside of a pass.

Clean: the actor's loss goes through the critic, and the gradient is cleared before the critic's
step. Broken: it is not cleared; or the critic steps between its forward pass and the checkpoint.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Example, Expected, Style, Updates


class Checkpointed(ActorCritic):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant

    def value(self, critic: nn.Module, states: Tensor, actions: Tensor) -> Tensor:
        inputs = torch.cat([states, actions], dim=-1)
        if self.reentrant and not inputs.requires_grad:
            inputs.requires_grad_()  # without it, a reentrant checkpoint computes no gradient
        return checkpoint(critic, inputs, use_reentrant=self.reentrant)

    def train(self, *, clears: bool) -> None:
        self.actor_update()
        if clears:
            self.critic_optimizer.zero_grad()
        self.critic_loss().backward()
        self.critic_optimizer.step()

    def step_too_early(self) -> None:
        """Step the critic by its own loss before the backward pass of the actor's loss."""
        loss = self.actor_loss()
        self.critic_update()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()


def one_call(*, reentrant: bool, clears: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Checkpointed(reentrant=reentrant)
        parts = split(critic=trains("critic"), actor=trains("actor", through="critic"))
        contract = agent.contract(updates={"train": parts})
        return contract, {"train": partial(agent.train, clears=clears)}

    return build


def several(*, reentrant: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Checkpointed(reentrant=reentrant)
        updates = agent.updates()
        return agent.contract(), {n: updates[n] for n in ("critic_update", "actor_update")}

    return build


def too_early(*, reentrant: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Checkpointed(reentrant=reentrant)
        parts = split(critic=trains("critic"), actor=trains("actor", through="critic"))
        return agent.contract(updates={"train": parts}), {"train": agent.step_too_early}

    return build


def through_the_encoder(*, detaches: bool) -> tuple[Contract, Updates]:
    """Train a head on an encoder that runs in a reentrant checkpoint."""
    encoder, head = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4)), nn.Linear(4, 1)
    optimizer = torch.optim.Adam(head.parameters())
    states = torch.ones(3, 4, requires_grad=True)

    def update() -> None:
        optimizer.zero_grad()
        features = checkpoint(encoder, states, use_reentrant=True)
        assert isinstance(features, Tensor)
        head(features.detach() if detaches else features).square().mean().backward()
        optimizer.step()

    contract = Contract(
        modules={"encoder": encoder, "head": head},
        optimizers={"head": optimizer},
        updates={"update": trains("head")},
    )
    return contract, {"update": update}


LEAK = Expected("train/actor", "critic", "leaked", Grade.MOVED, "moved")
ORDER = Expected("train/actor", "critic", "moved_by_other", Grade.NONZERO, "order")
ENCODER = Expected(
    "update", "encoder", "leaked", Grade.NONZERO, "written", entry=".square().mean().backward()"
)
STYLES = {
    f"{'' if reentrant else 'not_'}reentrant": Style(
        "DDPG",
        one_call(reentrant=reentrant, clears=True),
        one_call(reentrant=reentrant, clears=False),
        (LEAK,),
    )
    for reentrant in (True, False)
} | {
    "reentrant_encoder": Style(
        "SAC from pixels",
        partial(through_the_encoder, detaches=True),
        partial(through_the_encoder, detaches=False),
        (ENCODER,),
    ),
    "not_reentrant_order": Style(
        "DDPG", several(reentrant=False), too_early(reentrant=False), (ORDER,)
    ),
    "reentrant_alone": Style(
        "DDPG", several(reentrant=True), reason="the inner pass belongs to the outer one"
    ),
}
