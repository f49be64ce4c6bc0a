"""A target that follows a network in a wrapper, or is in one: the names have a prefix.

Broken: the sync leaves out the second layer.
"""

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import random_batch, value_network

Wrap = Callable[[nn.Module], nn.Module]


class Wrapper(nn.Module):
    """Has the name and the behaviour of DistributedDataParallel on one process."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.module(states)


def example(wrap: Wrap, wrap_target: Wrap, *, whole: bool) -> tuple[Contract, Updates]:
    network = value_network()
    target = wrap_target(copy.deepcopy(network))
    wrapped = wrap(network)
    optimizer = torch.optim.Adam(wrapped.parameters())
    batch = random_batch()

    def update() -> None:
        optimizer.zero_grad()
        (wrapped(batch.states) - batch.rewards).square().mean().backward()
        optimizer.step()

    def sync() -> None:
        if isinstance(target, AveragedModel) and whole:
            target.update_parameters(network)
            return
        pairs = list(zip(target.parameters(), network.parameters(), strict=True))
        with torch.no_grad():
            for slow, fast in pairs if whole else pairs[:2]:
                slow.lerp_(fast, 0.05)

    contract = Contract(
        modules={"network": wrapped, "target": target},
        optimizers={"network": optimizer},
        updates={"update": trains("network"), "sync": follows(target="network")},
        equal_at_start={"target": "network"},
    )
    return contract, {"update": update, "sync": sync}


def plain(network: nn.Module) -> nn.Module:
    return network


def compiled(network: nn.Module) -> nn.Module:
    wrapped = torch.compile(network, backend="eager")
    assert isinstance(wrapped, nn.Module)
    return wrapped


def averaged(network: nn.Module) -> nn.Module:
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.95))


class OwnWrapper(nn.Module):
    """Keeps the network under a name that no library uses."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.policy_network = network

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.policy_network(states)


def both(network: nn.Module) -> nn.Module:
    return Wrapper(compiled(network))


EXPECTED = (Expected("sync", "target", "starved", Grade.MOVED, "moved"),)
STYLES = {
    name: Style(
        "DQN",
        partial(example, *wraps, whole=True),
        partial(example, *wraps, whole=False),
        EXPECTED,
    )
    for name, wraps in {
        "data_parallel": (nn.DataParallel, plain),
        "distributed": (Wrapper, Wrapper),
        "target_compiled": (plain, compiled),
        "averaged": (plain, averaged),
        "distributed_and_averaged": (Wrapper, averaged),
        "compiled_in_a_wrapper": (both, plain),
        "own_wrapper": (OwnWrapper, plain),
    }.items()
}
