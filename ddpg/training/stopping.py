"""Reasons to end a run before its last step: its returns, or its caller."""

from dataclasses import dataclass

import numpy as np

from ddpg.training.state import TrainingState


@dataclass
class Stopping:
    """Decision of a run to end early."""

    state: TrainingState
    is_requested: bool = False
    """True once the caller's `report` returned True."""

    def reason(self) -> str:
        """Return the reason to end, or an empty string."""
        goal, returns = self.state.config.stop_at_return, self.state.returns
        if self.is_requested:
            return "the caller's report returned True"
        if goal is not None and returns is not None:
            running = returns[self.state.alive]
            if np.all(running >= goal):
                return f"every member reached the return {goal:g} (stop_at_return)"
        return ""
