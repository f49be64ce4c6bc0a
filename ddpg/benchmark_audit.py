"""What an audit costs, in bare updates of a [256, 256] DDPG at batch 256.

Bare updates and audits take turns in one process, so that a busy machine slows all of them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from ddpg import separation
from ddpg.agent import DDPG
from ddpg.config import Config
from ddpg.isolation import audit
from ddpg.replay import Batch

_OBSERVATION_DIM, _ACTION_DIM, _BATCH = 17, 6, 256


@dataclass(frozen=True)
class Cost:
    """What one kind of turn took."""

    name: str
    milliseconds: float
    """Median."""
    bare_updates: float
    """The same in medians of a bare update."""


def audit_costs(turns: int) -> list[Cost]:
    """Time bare updates and audits, `turns` times each, in turns.

    Args:
        turns: how often each of them runs.
    """
    kept, leaky = (_turns(stop) for stop in ("no_grad+optimizer", "none"))
    kinds: dict[str, Callable[[], object]] = {
        "bare update": kept["update"],
        "light, one round (training)": kept["light"],
        "full, one round": kept["full"],
        "full, two rounds (default)": kept["default"],
        "full, two rounds, with a leak": leaky["default"],
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    torch.set_num_threads(1)
    for _ in range(turns):
        for name, run in kinds.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    base = median(times["bare update"])
    return [Cost(name, 1e3 * median(taken), median(taken) / base) for name, taken in times.items()]


def _turns(stop: str) -> dict[str, Callable[[], object]]:
    """What can be timed of an agent under `stop`."""
    config = Config(hidden=(256, 256), stop=stop)
    generators = [torch.Generator().manual_seed(0)]
    agent = DDPG(config, _OBSERVATION_DIM, _ACTION_DIM, generators, torch.device("cpu"))
    batch = Batch(
        observation=torch.randn(1, _BATCH, _OBSERVATION_DIM),
        action=torch.randn(1, _BATCH, _ACTION_DIM),
        reward=torch.randn(1, _BATCH, 1),
        next_observation=torch.randn(1, _BATCH, _OBSERVATION_DIM),
        terminated=torch.zeros(1, _BATCH, 1),
    )
    contract = separation.contract(agent)
    updates = separation.updates(agent, batch)
    return {
        "update": partial(agent.update, batch),
        "light": partial(separation.measure, agent, contract, batch),
        "full": partial(audit, contract, updates, rounds=1),
        "default": partial(audit, contract, updates),
    }
