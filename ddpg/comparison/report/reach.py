"""Which modules the graph of each loss has a path to, whether or not a gradient is written there.

The audits of a training tell no more than what was written and moved, since a walk through the
graph would double their cost. Here the walk is made once a variant, on a small agent of the same
stops: widths, weights and the environment have no part in it.
"""

from dataclasses import replace

import torch

from ddpg.agent import DDPG
from ddpg.comparison.report.reading import already_warned
from ddpg.config.settings import Config
from ddpg.isolation import audit
from ddpg.isolation.contracts import ours
from ddpg.replay import Batch

_OBSERVATION, _ACTION, _BATCH = 3, 2, 4


def reached(config: Config) -> set[tuple[str, str]]:
    """`(update, module)` of every module that an update's loss has a path to."""
    generator = torch.Generator().manual_seed(0)
    with already_warned():
        widths = (4,) * len(config.hidden)
        small = replace(config, members=1, hidden=widths, device="cpu")
        agent = DDPG(small, _OBSERVATION, _ACTION, [generator], torch.device("cpu"))
    batch = Batch(
        torch.randn(1, _BATCH, _OBSERVATION, generator=generator),
        torch.randn(1, _BATCH, _ACTION, generator=generator).tanh(),
        torch.randn(1, _BATCH, 1, generator=generator),
        torch.randn(1, _BATCH, _OBSERVATION, generator=generator),
        torch.zeros(1, _BATCH, 1),
    )
    report = audit(ours.contract(agent), ours.updates(agent, batch), rounds=1)
    return {(cell.update, cell.module) for cell in report.cells if cell.reached}
