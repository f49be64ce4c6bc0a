"""Gradients that are written into `.grad`: of the right network, or of its twin.

Broken: the first critic steps with the gradient of the second one.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import random_batch, value_network

Write = Callable[[Tensor], Tensor]


def twins(
    write: Write, *, own: bool, equal: bool = False, summed: bool = True
) -> tuple[Contract, Updates]:
    first, second = value_network(1), value_network(1 if equal else 2)
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (first, second)]
    batch = random_batch()

    def loss(network: nn.Module) -> Tensor:
        return (network(batch.states) - batch.rewards).square().mean()

    def update() -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        losses = [loss(first), loss(second)] if summed else [loss(second)]
        torch.stack(losses).sum().backward()
        source = first if own else second
        for parameter, other in zip(first.parameters(), source.parameters(), strict=True):
            assert other.grad is not None
            parameter.grad = write(other.grad)
        for optimizer in optimizers:
            optimizer.step()

    contract = Contract(
        modules={"first": first, "second": second},
        optimizers={"first": optimizers[0], "second": optimizers[1]},
        updates={"update": trains("first", "second")},
    )
    return contract, {"update": update}


def returned(*, own: bool) -> tuple[Contract, Updates]:
    """Write the gradients that `autograd.grad` returned."""
    first, second = value_network(1), value_network(2)
    optimizer = torch.optim.Adam(first.parameters())
    batch = random_batch()

    def update() -> None:
        losses = {each: each(batch.states).square().mean() for each in (first, second)}
        source = first if own else second
        gradients = torch.autograd.grad(losses[source], list(source.parameters()))
        for parameter, gradient in zip(first.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()

    contract = Contract(
        modules={"first": first, "second": second},
        optimizers={"first": optimizer},
        updates={"update": trains("first")},
    )
    return contract, {"update": update}


def worker(*, loads: bool) -> tuple[Contract, Updates]:
    """Write a worker's gradients to the shared network, after the worker has loaded it or not."""
    shared, local = value_network(1), value_network(2)
    optimizer = torch.optim.RMSprop(shared.parameters(), lr=0.1)
    batch = random_batch()

    def update() -> None:
        if loads:
            local.load_state_dict(shared.state_dict())
        local.zero_grad()
        (local(batch.states) - batch.rewards).square().mean().backward()
        for parameter, other in zip(shared.parameters(), local.parameters(), strict=True):
            parameter.grad = other.grad
        optimizer.step()

    permission = trains("shared", through="local", moves="local" if loads else ())
    contract = Contract(
        modules={"shared": shared, "local": local},
        optimizers={"shared": optimizer},
        updates={"update": permission},
    )
    return contract, {"update": update}


def added(*, doubled: bool) -> tuple[Contract, Updates]:
    """Add a gradient to that of the first critic: its own, or that of the second one."""
    first, second = value_network(1), value_network(2)
    optimizers = [torch.optim.Adam(each.parameters()) for each in (first, second)]
    batch = random_batch()

    def update() -> None:
        gradients = [
            torch.autograd.grad((each(batch.states) - goal).square().mean(), [*each.parameters()])
            for each, goal in ((first, batch.rewards), (second, batch.rewards + 1))
        ]
        for parameter, own, other in zip(
            first.parameters(), gradients[0], gradients[0 if doubled else 1], strict=True
        ):
            parameter.grad = own + other
        for parameter, own in zip(second.parameters(), gradients[1], strict=True):
            parameter.grad = own
        for optimizer in optimizers:
            optimizer.step()

    contract = Contract(
        modules={"first": first, "second": second},
        optimizers={"first": optimizers[0], "second": optimizers[1]},
        updates={"update": trains("first", "second")},
    )
    return contract, {"update": update}


MOVED = Expected("update", "first", "leaked", Grade.MOVED, "moved")

STYLES = {
    name: Style(
        "twin critics", partial(twins, write, own=True), partial(twins, write, own=False), (MOVED,)
    )
    for name, write in {
        "same_tensor": lambda gradient: gradient,
        "clone": Tensor.clone,
        "scaled": lambda gradient: 0.5 * gradient,
    }.items()
} | {
    "returned": Style(
        "twin critics", partial(returned, own=True), partial(returned, own=False), (MOVED,)
    ),
    "added": Style(
        "twin critics", partial(added, doubled=True), partial(added, doubled=False), (MOVED,)
    ),
    "worker_without_the_weights": Style(
        "A3C",
        partial(worker, loads=True),
        partial(worker, loads=False),
        (replace(MOVED, module="shared"),),
    ),
    "shared_network_of_a_worker": Style(
        "A3C",
        partial(twins, Tensor.clone, own=False, equal=True, summed=False),
        reason="the networks have equal values, so the gradient is that of both",
    ),
    "clipped": Style(
        "twin critics",
        partial(twins, lambda gradient: gradient.clamp(-0.01, 0.01), own=True),
        reason="the gradient of the network itself, clipped by value",
    ),
}
