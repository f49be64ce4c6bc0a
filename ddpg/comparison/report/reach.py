"""Modules that the autograd graph of each loss reaches, with or without a gradient there.

A training does not record them, since walking the graph would double the cost of its audits. The
walk is made here on a small agent with the same stops: it does not depend on widths, weights and
the environment.
"""

from dataclasses import replace

import torch

from ddpg.agent import DDPG
from ddpg.comparison.stop_warnings import ignore_stop_warnings
from ddpg.config.settings import Config
from ddpg.isolation import audit
from ddpg.isolation.contracts import ours
from ddpg.replay import Batch

_OBSERVATION, _ACTION, _BATCH = 3, 2, 4


def reached_modules(config: Config) -> set[tuple[str, str]]:
    """Return `(update, module)` for every module to which an update's loss has a path."""
    generator = torch.Generator().manual_seed(0)
    with ignore_stop_warnings():
        widths = (4,) * len(config.hidden)
        small = replace(config, members=1, hidden=widths, device="cpu")
        agent = DDPG(small, _OBSERVATION, _ACTION, [generator], torch.device("cpu"))
    batch = Batch.random(1, _BATCH, _OBSERVATION, _ACTION, generator)
    report = audit(ours.contract(agent), ours.updates(agent, batch), rounds=1)
    return {(cell.update, cell.module) for cell in report.cells if cell.reached}
