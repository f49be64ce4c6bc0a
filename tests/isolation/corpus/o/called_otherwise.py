"""Networks that are not called as modules: by a method, by `forward`, by `functional_call`.

The path of a finding names the caller's line, where a stop could stand, not a line of the network.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Example, Expected, Style, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch


class Value(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.body = mlp(STATE, 8, 8, seed=seed)
        self.head = nn.Parameter(torch.linspace(-1, 1, 8).unsqueeze(1))

    def forward(self, states: Tensor) -> Tensor:
        return self.of(states)

    def of(self, states: Tensor) -> Tensor:
        return self.body(states).tanh() @ self.head


def by_method(target: Value, states: Tensor) -> Tensor:
    return target.of(states)  # the method


def by_forward(target: Value, states: Tensor) -> Tensor:
    return target.forward(states)  # forward


def by_function(target: Value, states: Tensor) -> Tensor:
    weights: dict[str, Tensor] = dict(target.named_parameters())
    return functional_call(target, weights, (states,))  # the function


class Learner:
    def __init__(self) -> None:
        self.value, self.target = Value(1), Value(2)
        self.optimizer = torch.optim.Adam(self.value.parameters())
        self.batch = random_batch()

    def update(self, call: Callable[[Value, Tensor], Tensor], *, detached: bool) -> None:
        with torch.set_grad_enabled(not detached):
            goal = self.batch.rewards + call(self.target, self.batch.next_states)
        self.optimizer.zero_grad()
        (self.value(self.batch.states) - goal).square().mean().backward()
        self.optimizer.step()

    def update_twice(self, *, late: bool) -> None:
        """Step between the forward pass and the backward pass of a second loss, or before both."""
        values = self.value.of(self.batch.states)  # the old values
        self.optimizer.zero_grad()
        (values - self.batch.rewards).square().mean().backward(retain_graph=late)
        self.optimizer.step()
        again = values if late else self.value.of(self.batch.states)
        self.optimizer.zero_grad()
        again.square().mean().backward()
        self.optimizer.step()


def contract(learner: Learner) -> Contract:
    return Contract(
        modules={"value": learner.value, "target": learner.target},
        optimizers={"optimizer": learner.optimizer},
        updates={"update": trains("value")},
    )


def example(call: Callable[[Value, Tensor], Tensor], *, detached: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        learner = Learner()
        return contract(learner), {"update": partial(learner.update, call, detached=detached)}

    return build


def twice(*, late: bool) -> tuple[Contract, Updates]:
    learner = Learner()
    return contract(learner), {"update": partial(learner.update_twice, late=late)}


STYLES = {
    call.__name__: Style(
        "value learning",
        example(call, detached=True),
        example(call, detached=False),
        (Expected("update", "target", "leaked", Grade.NONZERO, "written", entry=comment),),
    )
    for call, comment in (
        (by_method, "# the method"),
        (by_forward, "# forward"),
        (by_function, "# the function"),
    )
} | {
    "stale_values": Style(
        "value learning",
        partial(twice, late=False),
        partial(twice, late=True),
        (
            Expected(
                "update",
                "value",
                "moved_by_other",
                Grade.MOVED,
                "order",
                entry="# the old values",
            ),
        ),
    )
}
