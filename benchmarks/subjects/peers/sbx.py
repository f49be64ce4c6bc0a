"""SBX's DDPG: Stable-Baselines3's interface on JAX."""

from importlib import import_module
from typing import Any

from benchmarks.subjects.peers.stable_baselines3 import make_model
from benchmarks.workload import ENDLESS, Workload

# Imported by name, because the type checker runs without the extra peers-jax.
DDPG: Any = import_module("sbx").DDPG


def train(workload: Workload) -> None:
    """Train until the clock ends the run."""
    make_model(DDPG, workload, qf_learning_rate=workload.learning_rate).learn(ENDLESS)
