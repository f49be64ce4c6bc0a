"""Causes of movements of large tensors, which the audit reads off some thousand numbers."""

from collections.abc import Callable

import torch
from torch import nn

from ddpg.isolation import Contract, audit, moves
from ddpg.isolation.results import Cell

WIDE = 300
"""A weight of 90,000 numbers: every eleventh is read."""


def sync(write: Callable[[nn.Linear, nn.Linear], object]) -> Cell:
    """Return the cell of a target that differs from its network and is written."""
    torch.manual_seed(0)
    network, target = nn.Linear(WIDE, WIDE), nn.Linear(WIDE, WIDE)
    contract = Contract(
        modules={"network": network, "target": target}, updates={"sync": moves("target")}
    )

    @torch.no_grad()
    def update() -> None:
        write(network, target)

    report = audit(contract, {"sync": update})
    return report["sync", "target"]


def test_a_polyak_average() -> None:
    cell = sync(
        lambda network, target: [
            slow.lerp_(fast, 0.005)
            for slow, fast in zip(target.parameters(), network.parameters(), strict=True)
        ]
    )
    assert cell.movers == ("Polyak from network (tau 0.005)",)


def test_an_average_of_some_columns_is_a_write() -> None:
    half = WIDE // 2
    cell = sync(
        lambda network, target: target.weight[:, :half].lerp_(network.weight[:, :half], 0.5)
    )
    assert cell.movers == ("in-place write",)


def test_a_write_of_other_values() -> None:
    noise = torch.randn(WIDE, WIDE)
    cell = sync(lambda _, target: target.weight.add_(noise, alpha=0.01))
    assert cell.movers == ("in-place write",)


def test_a_copy_of_an_unnamed_module() -> None:
    other = nn.Linear(WIDE, WIDE)
    cell = sync(lambda _, target: target.load_state_dict(other.state_dict()))
    assert cell.movers == ("in-place write",)
