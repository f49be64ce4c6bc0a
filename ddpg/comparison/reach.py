"""Which modules the graph of each loss has a path to, whether or not a gradient is written there.

The audits of a training tell no more than what was written and moved, since a walk through the
graph would double their cost. Here the walk is made once a variant, on a small agent of the same
stops: widths, weights and the environment have no part in it.
"""

from dataclasses import replace

import torch

from ddpg import separation
from ddpg.agent import DDPG
from ddpg.comparison.reading import already_warned
from ddpg.config import Config
from ddpg.isolation import audit
from ddpg.replay import Batch

_OBSERVATION, _ACTION, _BATCH = 3, 2, 4


def reached(config: Config) -> set[tuple[str, str]]:
    """`(update, module)` of every module that an update's loss has a path to."""
    generator = torch.Generator().manual_seed(0)
    with already_warned():
        small = replace(config, members=1, hidden=(4,) * len(config.hidden), device="cpu")
        agent = DDPG(small, _OBSERVATION, _ACTION, [generator], torch.device("cpu"))
    batch = Batch(
        torch.randn(1, _BATCH, _OBSERVATION, generator=generator),
        torch.randn(1, _BATCH, _ACTION, generator=generator).tanh(),
        torch.randn(1, _BATCH, 1, generator=generator),
        torch.randn(1, _BATCH, _OBSERVATION, generator=generator),
        torch.zeros(1, _BATCH, 1),
    )
    report = audit(separation.contract(agent), separation.updates(agent, batch), rounds=1)
    return {(cell.update, cell.module) for cell in report.cells if cell.reached}
