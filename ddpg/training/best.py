"""The best policy of each member so far, by the mean return of an evaluation."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ddpg.errors import StateError
from ddpg.runs.state_check import COUNT, require_finite, require_like


class BestPolicies:
    """Weights of each member's actor at its best evaluation, with step and score.

    Args:
        actor: the policy of all members; its weights are copied.
        members: independent agents.
    """

    def __init__(self, actor: nn.Module, members: int):
        self.scores = np.full(members, -np.inf)
        """`[member]`: −∞ before the first evaluation."""
        self._steps = np.zeros(members, np.int64)
        self._weights = _copy(actor)
        self._statistics = [""] * members

    def update(
        self,
        actor: nn.Module,
        step: int,
        returns: NDArray[np.float64],
        statistics: list[str],
    ) -> bool:
        """Keep the actors whose return is higher than ever; return whether there is one.

        Args:
            actor: the policy of all members.
            step: environment step of the evaluation.
            returns: mean return `[member]`; NaN for a dropped member.
            statistics: statistics of each member's normalizing wrappers; empty without any.
        """
        is_better = returns > self.scores
        self.scores[is_better] = returns[is_better]
        self._steps[is_better] = step
        rows = torch.from_numpy(is_better)
        for name, value in _copy(actor).items():
            self._weights[name][rows] = value[rows]
        for member in np.flatnonzero(is_better).tolist():
            self._statistics[member] = statistics[member] if statistics else ""
        return bool(is_better.any())

    def state_dict(self) -> dict[str, Any]:
        """Return weights, steps, scores and statistics."""
        return {
            "actor": {name: value.clone() for name, value in self._weights.items()},
            "steps": self._steps.tolist(),
            "scores": self.scores.tolist(),
            "statistics": list(self._statistics),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self._weights = dict(state["actor"])
        self._steps = np.array(state["steps"], np.int64)
        self.scores = np.array(state["scores"])
        self._statistics = list(state["statistics"])

    def require(self, state: Any) -> None:
        """Check a result of `state_dict`.

        Raises:
            StateError: it is something else.
        """
        members = len(self.scores)
        pattern = {**self.state_dict(), "steps": [COUNT] * members}
        require_like(state, pattern, "best")
        require_finite(state["actor"], [True] * members, "best.actor")
        if np.isnan(state["scores"]).any():
            raise StateError("best.scores has the value nan; allowed: numbers")


def _copy(actor: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in actor.state_dict().items()}
