"""SBX's DDPG: Stable-Baselines3's interface over JAX."""

from sbx import DDPG

from ddpg.benchmark.peers.stable_baselines3 import model
from ddpg.benchmark.work import ENDLESS, LEARNING_RATE, Work


def train(work: Work) -> None:
    """Train until the clock ends it."""
    model(DDPG, work, qf_learning_rate=LEARNING_RATE).learn(ENDLESS)
