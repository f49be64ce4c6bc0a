"""Workload of every subject: one environment step with one update, on Pendulum-v1."""

from dataclasses import dataclass
from typing import NamedTuple

ENVIRONMENT = "Pendulum-v1"
HALF_RANGE = 2.0
"""Half-range of Pendulum's torque, for peers whose actors return torques instead of [−1, 1]."""
ENDLESS = 10_000_000
"""Environment steps that a subject is asked for; the clock ends its run long before."""


class WorkloadSize(NamedTuple):
    """Size of the networks and of a batch."""

    hidden: int
    """Width of each of the two hidden layers."""
    batch: int
    """Transitions per member in a batch."""


SIZES = {"small": WorkloadSize(64, 64), "large": WorkloadSize(256, 256)}


@dataclass(frozen=True)
class Workload:
    """Settings of one subject's run. Not validated: `command_line` checks what a user passes."""

    hidden: int = 64
    batch: int = 64
    members: int = 1
    """Agents trained side by side, each with its own environment."""
    threads: int = 1
    seed: int = 0
    random_steps: int = 1_000
    """Environment steps with random actions before the first update."""
    warm_seconds: float = 1.0
    """Seconds of untimed updates, in which allocators and caches settle."""
    seconds: float = 5.0
    """Timed seconds."""
    environment: str = ENVIRONMENT
    """Gymnasium id; the clock of a timed subject counts Pendulum's steps alone."""
    steps: int = ENDLESS
    """Environment steps of the run."""
    replay_capacity: int = 200_000
    """Environment steps of one member."""
    # The peers use these; they are this agent's defaults, except for its actor's learning rate.
    gamma: float = 0.98
    tau: float = 0.005
    learning_rate: float = 1e-3
    """Of actor and critic."""
    noise_sigma: float = 0.1
    """Standard deviation of the exploration noise, in units of the action's half-range."""
