"""Gradient-stopping strategies between a loss and the modules that it must not train.

A stop has trained and protected modules and does not depend on their roles, so one class serves
both the two layers of the tutorial and the two networks of the agent.
"""

from ddpg.stops.base import Crossing, Effect, Stop, StopError
from ddpg.stops.table import STOPS, StopWarning, build, check, stop_names

__all__ = [
    "STOPS",
    "Crossing",
    "Effect",
    "Stop",
    "StopError",
    "StopWarning",
    "build",
    "check",
    "stop_names",
]
