"""The work that every subject does: one environment step with one update, on Pendulum-v1."""

from dataclasses import dataclass
from typing import NamedTuple

ENVIRONMENT = "Pendulum-v1"
REPLAY_CAPACITY = 200_000
GAMMA = 0.98
TAU = 0.005
LEARNING_RATE = 1e-3
NOISE_SIGMA = 0.1
"""Standard deviation of the exploration noise, in half-ranges of the action."""
ENDLESS = 10_000_000
"""Environment steps that a subject is asked for; the clock ends it long before."""


class Size(NamedTuple):
    """How large the networks and the batch are."""

    hidden: int
    """Width of each of the two hidden layers."""
    batch: int
    """Transitions of one member in a batch."""


SIZES = {"small": Size(64, 64), "large": Size(256, 256)}


@dataclass(frozen=True)
class Work:
    """One subject's share of a benchmark.

    Raises nothing: `scripts/bench.py` checks what comes from a user.
    """

    hidden: int = 64
    batch: int = 64
    members: int = 1
    """Agents side by side, each with an environment of its own."""
    threads: int = 1
    seed: int = 0
    random_steps: int = 1_000
    """Environment steps with random actions before the first update."""
    warm_seconds: float = 1.0
    """Updates that are not timed: allocators and caches settle."""
    seconds: float = 5.0
    """What is timed."""
