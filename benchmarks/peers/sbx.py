"""SBX's DDPG: Stable-Baselines3's interface over JAX."""

from importlib import import_module
from typing import Any

from benchmarks.peers.stable_baselines3 import model
from benchmarks.work import ENDLESS, LEARNING_RATE, Work

# By name: only the extra peers-jax brings it, so a type checker need not find it.
DDPG: Any = import_module("sbx").DDPG


def train(work: Work) -> None:
    """Train until the clock ends it."""
    model(DDPG, work, qf_learning_rate=LEARNING_RATE).learn(ENDLESS)
