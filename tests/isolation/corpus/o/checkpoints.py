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


LEAK = Expected("train/actor", "critic", "leaked", Grade.MOVED, "moved")
ORDER = Expected("train/actor", "critic", "moved_by_other", Grade.NONZERO, "order")
STYLES = {
    f"{'' if reentrant else 'not_'}reentrant": Style(
        "DDPG",
        one_call(reentrant=reentrant, clears=True),
        one_call(reentrant=reentrant, clears=False),
        (LEAK,),
    )
    for reentrant in (True, False)
} | {
    "not_reentrant_order": Style(
        "DDPG", several(reentrant=False), too_early(reentrant=False), (ORDER,)
    ),
    "reentrant_alone": Style(
        "DDPG", several(reentrant=True), reason="the inner pass belongs to the outer one"
    ),
}
