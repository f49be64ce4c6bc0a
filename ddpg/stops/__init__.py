"""Gradient-stopping strategies: what stands between a loss and the modules it must leave alone.

A stop knows its trained and its protected modules and nothing of what they are for, so the same
ones serve two layers of a tutorial and the two networks of an agent.
"""

from ddpg.stops.base import Crossing, Effect, Stop, StopError
from ddpg.stops.table import STOPS, StopWarning, build, check, legal

__all__ = [
    "STOPS",
    "Crossing",
    "Effect",
    "Stop",
    "StopError",
    "StopWarning",
    "build",
    "check",
    "legal",
]
