"""Values that change between a forward pass and its backward pass, and values that may.

Batch normalisation in train mode moves its running statistics at each call, but its backward pass
does not read them. In eval mode it does. A frozen weight has no place in the graph, and is named.
"""

from functools import partial

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch, value_network


def normalised(calls: int, *, trained: bool) -> tuple[Contract, Updates]:
    network = nn.Sequential(nn.Linear(STATE, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(network.parameters())
    batch = random_batch()

    def update() -> None:
        optimizer.zero_grad()
        network.train(trained)
        values = [network(batch.states)]
        network.train()
        values += [network(batch.next_states) for _ in range(calls - 1)]
        torch.cat(values).square().mean().backward()
        optimizer.step()

    contract = Contract(
        modules={"network": network},
        optimizers={"network": optimizer},
        updates={"update": trains("network")},
    )
    return contract, {"update": update}


def frozen_weight(*, changes: bool) -> tuple[Contract, Updates]:
    """Scale the weight of a frozen feature network while the graph still needs it."""
    features, first, second = mlp(STATE, 8), value_network(), mlp(8, 1, seed=4)
    features.requires_grad_(False)
    first_layer, head = mlp(STATE, STATE, seed=5), second
    optimizer = torch.optim.Adam([*first_layer.parameters(), *head.parameters()])
    other = torch.optim.Adam(first.parameters())
    batch = random_batch()

    def update() -> None:
        optimizer.zero_grad()
        other.zero_grad()
        first(batch.states).square().mean().backward()
        other.step()
        loss = head(features(first_layer(batch.states))).square().mean()
        if changes:
            next(features.parameters()).mul_(0.5)
        loss.backward()
        optimizer.step()

    modules = {"features": features, "first": first, "first_layer": first_layer, "head": head}
    contract = Contract(
        modules=modules,
        optimizers={"optimizer": optimizer, "other": other},
        updates={"update": trains("first", "first_layer", "head", moves="features")},
    )
    return contract, {"update": update}


def value_of_no_module(*, changes: bool) -> tuple[Contract, Updates]:
    """Write into a batch that the graph of one of two networks still needs."""
    first, second = value_network(1), value_network(2)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()])
    states: Tensor = random_batch().states

    def update() -> None:
        optimizer.zero_grad()
        first(states.clone()).square().mean().backward()
        copy = states.clone()
        loss = second(copy).square().mean()
        if changes:
            copy.zero_()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"first": first, "second": second},
        optimizers={"optimizer": optimizer},
        updates={"update": trains("first", "second")},
    )
    return contract, {"update": update}


def scale_of_rewards(*, changes: bool) -> tuple[Contract, Updates]:
    """Change a named tensor that no graph trains and no module calls."""
    network, scale = value_network(), torch.ones(1)
    optimizer = torch.optim.RMSprop(network.parameters())
    batch = random_batch()

    def update() -> None:
        optimizer.zero_grad()
        loss = (network(batch.states) * scale - batch.rewards).square().mean()
        if changes:
            scale.mul_(0.9)
        loss.backward()
        if not changes:
            scale.mul_(0.9)
        optimizer.step()

    contract = Contract(
        modules={"network": network, "scale": scale},
        optimizers={"network": optimizer},
        updates={"update": trains("network", moves="scale")},
    )
    return contract, {"update": update}


def order(module: str, grade: Grade, entry: str = "") -> tuple[Expected, ...]:
    return (Expected("update", module, "moved_by_other", grade, "order", entry=entry),)


STYLES = {
    f"batch_norm_{calls}_calls": Style(
        "CrossQ",
        partial(normalised, calls, trained=True),
        partial(normalised, calls, trained=False),
        order("network", Grade.MOVED),
    )
    for calls in (2, 3)
} | {
    "frozen_weight": Style(
        "random features",
        partial(frozen_weight, changes=False),
        partial(frozen_weight, changes=True),
        order("features", Grade.MOVED),
    ),
    "scale_of_rewards": Style(
        "PPO with scaled rewards",
        partial(scale_of_rewards, changes=False),
        partial(scale_of_rewards, changes=True),
        order("scale", Grade.MOVED),
    ),
    "value_of_no_module": Style(
        "two critics",
        partial(value_of_no_module, changes=False),
        partial(value_of_no_module, changes=True),
        order("second", Grade.NONZERO, entry="loss = second(copy)"),
    ),
}
