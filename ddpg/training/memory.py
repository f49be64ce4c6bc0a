"""Memory that a run needs, compared with the machine's before anything is created."""

import os
from importlib.util import find_spec
from itertools import pairwise

from ddpg.agent import Metrics
from ddpg.config.fields import refusal
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.training.schedule import most_updates

_FLOAT = 4
"""Bytes of a number."""
_COPIES = 5
"""Copies of each weight: network, target, gradient and the two moments of Adam."""


def require_memory(config: Config, observation_dim: int, action_dim: int) -> None:
    """Check networks, batch and metrics of a run against the memory of the machine.

    Raises:
        ConfigError: one of them alone does not fit.
    """
    available = _available()
    widths = [observation_dim + action_dim, *config.hidden, 1]
    weights = sum((before + 1) * after for before, after in pairwise(widths))
    needed = {
        # Actor and critic.
        "hidden": 2 * _COPIES * weights,
        # The activations of one network.
        "batch_size": config.batch_size * sum(widths),
        "log_every": len(Metrics._fields) * most_updates(config),
    }
    for name, numbers in needed.items():
        size = numbers * config.members * _FLOAT
        if available is not None and size > available:
            allowed = f"a size that fits into {available / 1e9:,.1f} GB of memory"
            members = "1 member" if config.members == 1 else f"{config.members:,} members"
            context = f" with {members}, since it needs {size / 1e9:,.1f} GB"
            raise ConfigError(refusal(name, getattr(config, name), allowed, context))


def _available() -> int | None:
    """Return the bytes that this process may use, or None on Windows, which has no such call."""
    if find_spec("resource") is None:
        return None
    import resource

    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return total if limit == resource.RLIM_INFINITY else min(total, limit)
