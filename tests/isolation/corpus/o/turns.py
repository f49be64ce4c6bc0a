"""Members of an ensemble, heads, or agents that are trained in turn, one per run.

Broken: the last one never has its turn, so it is starved.
"""

from functools import partial

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import random_batch, value_network


class Turns:
    """Three networks with one optimizer, or one each."""

    def __init__(self, *, frozen: bool, all_turn: bool) -> None:
        self.networks = nn.ModuleList([value_network(seed) for seed in range(3)])
        self.optimizer = torch.optim.Adam(self.networks.parameters(), lr=1e-2)
        self.turn = 0
        self.frozen, self.turns = frozen, 3 if all_turn else 2
        self.batch = random_batch()

    def update(self) -> None:
        turn = self.turn % self.turns
        self.turn += 1
        if self.frozen:
            for index, network in enumerate(self.networks):
                network.requires_grad_(index == turn)
        loss = (self.networks[turn](self.batch.states) - self.batch.rewards).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def one_module(*, all_turn: bool) -> tuple[Contract, Updates]:
    agent = Turns(frozen=False, all_turn=all_turn)
    contract = Contract(
        modules={"ensemble": agent.networks},
        optimizers={"ensemble": agent.optimizer},
        updates={"update": trains("ensemble")},
        restores=[agent],
    )
    return contract, {"update": agent.update}


def three_modules(frozen: bool, *, all_turn: bool) -> tuple[Contract, Updates]:
    agent = Turns(frozen=frozen, all_turn=all_turn)
    modules = {f"member_{index}": each for index, each in enumerate(agent.networks)}
    contract = Contract(
        modules=modules,
        optimizers={"ensemble": agent.optimizer},
        updates={"update": trains(*modules)},
        restores=[agent],
    )
    return contract, {"update": agent.update}


def layers(*, all_turn: bool) -> tuple[Contract, Updates]:
    """Train the first layer in even runs, the second in odd ones; or the first alone."""
    network = value_network()
    optimizers = [torch.optim.SGD(network[index].parameters(), lr=0.1) for index in (0, 2)]
    batch, runs = random_batch(), [0]

    def update() -> None:
        optimizer = optimizers[runs[0] % 2 if all_turn else 0]
        runs[0] += 1
        for each in optimizers:
            each.zero_grad()
        network(batch.states).square().mean().backward()
        optimizer.step()

    contract = Contract(
        modules={"network": network},
        optimizers={"first": optimizers[0], "second": optimizers[1]},
        updates={"update": trains("network")},
        restores=[runs],
    )
    return contract, {"update": update}


STYLES = {
    "one_module": Style(
        "ensemble",
        partial(one_module, all_turn=True),
        partial(one_module, all_turn=False),
        (Expected("update", "ensemble", "starved", Grade.MOVED, "reached"),),
    ),
    "three_modules": Style(
        "ensemble",
        partial(three_modules, False, all_turn=True),
        partial(three_modules, False, all_turn=False),
        (Expected("update", "member_2", "starved", Grade.NOTHING, "reached"),),
    ),
    "frozen_in_turn": Style(
        "ensemble",
        partial(three_modules, True, all_turn=True),
        partial(three_modules, True, all_turn=False),
        (
            Expected("update", "member_2", "starved", Grade.NOTHING, "reached"),
            Expected("update", "member_2", "leaked", Grade.NOTHING, "modes"),
        ),
    ),
    "layers": Style(
        "block coordinate descent",
        partial(layers, all_turn=True),
        partial(layers, all_turn=False),
        (Expected("update", "network", "starved", Grade.MOVED, "moved"),),
    ),
}
