"""A backward pass that PyTorch refuses, in updates of which no part can claim the pass.

The step that should follow never runs, so nothing else would show the mistake.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, nothing, split, trains
from ddpg.isolation.contract import Permission
from tests.isolation.corpus.case import Example, Expected, Style, Updates
from tests.isolation.corpus.parts import random_batch, value_network


class Learner:
    """One value network, and the losses of its update."""

    def __init__(self) -> None:
        self.net = value_network()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)
        self.batch = random_batch()

    def update(self, loss: Callable[["Learner"], Tensor]) -> None:
        self.optimizer.zero_grad()
        loss(self).backward()
        self.optimizer.step()


def whole(learner: Learner) -> Tensor:
    return mse_loss(learner.net(learner.batch.states), learner.batch.rewards)


def without_graph(learner: Learner) -> Tensor:
    with torch.no_grad():
        return whole(learner)


def written_in_place(learner: Learner) -> Tensor:
    weights = learner.net(learner.batch.states).exp()
    loss = weights.sum()
    weights.detach().add_(1)
    return loss


def of_inference(learner: Learner) -> Tensor:
    with torch.inference_mode():
        target = learner.net(learner.batch.next_states)
    return mse_loss(learner.net(learner.batch.states), target)


def with_clone(learner: Learner) -> Tensor:
    with torch.inference_mode():
        target = learner.net(learner.batch.next_states)
    return mse_loss(learner.net(learner.batch.states), target.clone())


def frozen(learner: Learner) -> Tensor:
    learner.net.requires_grad_(False)
    loss = whole(learner)
    learner.net.requires_grad_(True)
    return loss


def example(loss: Callable[[Learner], Tensor], permission: Permission) -> Example:
    def build() -> tuple[Contract, Updates]:
        learner = Learner()
        contract = Contract(
            modules={"net": learner.net},
            optimizers={"optimizer": learner.optimizer},
            updates={"update": permission},
        )
        return contract, {"update": partial(learner.update, loss)}

    return build


def acting(target: Callable[[Learner], Tensor]) -> Example:
    """Build an update that may do nothing."""

    def build() -> tuple[Contract, Updates]:
        learner = Learner()
        return (
            Contract(modules={"net": learner.net}, updates={"act": nothing()}),
            {"act": lambda: target(learner)},
        )

    return build


def mixed(learner: Learner) -> Tensor:
    with torch.inference_mode():
        states = learner.batch.states * 2
    return learner.net(states)


def mixed_without_graph(learner: Learner) -> Tensor:
    with torch.no_grad():
        return mixed(learner)


PARTS = split(optimizer=trains("net"))
ROW = "update/optimizer"


def style(
    loss: Callable[[Learner], Tensor],
    expected: Expected,
    clean: Callable[[Learner], Tensor] = whole,
) -> Style:
    return Style("value learning", example(clean, PARTS), example(loss, PARTS), (expected,))


STYLES = {
    "no_graph": style(without_graph, Expected(ROW, "net", "starved", Grade.NOTHING, "reached")),
    "frozen": style(frozen, Expected(ROW, "net", "starved", Grade.NOTHING, "reached")),
    "in_place": style(
        written_in_place, Expected(ROW, "net", "moved_by_other", Grade.NOTHING, "order")
    ),
    "inference_target": style(
        of_inference, Expected("update", "net", "leaked", Grade.NOTHING, "stored"), with_clone
    ),
    "nothing_is_trained": Style(
        "acting",
        acting(mixed_without_graph),
        acting(mixed),
        (Expected("act", "net", "leaked", Grade.NOTHING, "stored"),),
    ),
}
