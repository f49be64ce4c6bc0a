"""Helpers of several tests: small agents, random batches, bitwise comparison."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.random_streams import RandomStreams
from ddpg.replay import Batch

OBSERVATION_DIM = 3
ACTION_DIM = 2


def make_agent(**settings: Any) -> DDPG:
    """Return a small agent with 3 observations and 2 actions."""
    config = Config(**{"hidden": (16, 16), **settings})
    seeds = [config.seed + member for member in range(config.members)]
    return DDPG(
        config,
        OBSERVATION_DIM,
        ACTION_DIM,
        RandomStreams.from_seeds(seeds).weights,
        torch.device("cpu"),
    )


def random_batch(members: int, seed: int, batch: int = 8) -> Batch:
    """Return a batch of random transitions, some of them terminal."""
    generator = torch.Generator().manual_seed(seed)
    return Batch.random(members, batch, OBSERVATION_DIM, ACTION_DIM, generator, terminated=0.25)


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """Return copies of all parameters and buffers."""
    return {name: value.clone() for name, value in module.state_dict().items()}


def same_bits(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Return True if two snapshots are bit-identical."""
    return left.keys() == right.keys() and all(
        torch.equal(left[name].view(torch.int32), right[name].view(torch.int32)) for name in left
    )


def gradient_kind(parameters: Iterable[nn.Parameter]) -> str:
    """Return `none`, `zero` or `nonzero` for the `.grad` of all parameters together."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return "none"
    return "nonzero" if any(bool(g.count_nonzero()) for g in gradients) else "zero"
