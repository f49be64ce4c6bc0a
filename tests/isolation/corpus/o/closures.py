"""Optimizers that compute the loss in a closure, once (Adam) or several times (LBFGS).

Clean: the gradient that the step applies is that of the closure. Broken: the closure's loss leaks
into the actor, which a second optimizer then steps, or the closure's target is not detached.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, SGD, Adam, Optimizer

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Example, Expected, Style, Updates

KINDS: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": partial(SGD, lr=0.05, momentum=0.9),
    "adam": partial(Adam, lr=0.01),
    "lbfgs": partial(LBFGS, lr=0.1, max_iter=3),
    "lbfgs_line_search": partial(LBFGS, max_iter=3, line_search_fn="strong_wolfe"),
}


class Closures(ActorCritic):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.critic_optimizer = KINDS[kind](self.critic.parameters())

    def train_critic(self, *, detached: bool, by_keyword: bool) -> None:
        def closure() -> Any:
            self.critic_optimizer.zero_grad()
            loss = self.loss(detached=detached)
            loss.backward()
            return loss

        if by_keyword:
            self.critic_optimizer.step(closure=closure)
        else:
            self.critic_optimizer.step(closure)

    def loss(self, *, detached: bool) -> Tensor:
        with torch.set_grad_enabled(not detached):
            actions = self.actor_target(self.next_states)
            target = self.rewards + 0.9 * self.value(self.critic_target, self.next_states, actions)
        return (self.value(self.critic, self.states, self.actions) - target).square().mean()

    def train(self, *, detached: bool) -> None:
        self.train_critic(detached=detached, by_keyword=False)
        self.actor_update()


def alone(kind: str, *, detached: bool, by_keyword: bool = False) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Closures(kind)
        update = partial(agent.train_critic, detached=detached, by_keyword=by_keyword)
        contract = agent.contract(updates={"critic_update": trains("critic")})
        return contract, {"critic_update": update}

    return build


def both(kind: str, *, detached: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Closures(kind)
        parts = split(critic=trains("critic"), actor=trains("actor", through="critic"))
        return agent.contract(updates={"train": parts}), {
            "train": partial(agent.train, detached=detached)
        }

    return build


def leaks(update: str) -> tuple[Expected, ...]:
    return tuple(
        Expected(update, module, "leaked", Grade.NONZERO, "written")
        for module in ("actor_target", "critic_target")
    )


STYLES = {
    kind: Style(
        "DDPG",
        alone(kind, detached=True),
        alone(kind, detached=False, by_keyword=True),
        leaks("critic_update"),
    )
    for kind in KINDS
} | {
    f"{kind}_and_actor": Style(
        "DDPG", both(kind, detached=True), both(kind, detached=False), leaks("train/critic")
    )
    for kind in ("sgd", "lbfgs")
}
