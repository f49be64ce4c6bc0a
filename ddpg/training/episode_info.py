"""Values of `info` that a run logs: their mean over the steps of each episode."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.runs.state_check import TensorPattern, require_finite, require_like


class EpisodeInfo:
    """Sums of logged values over the running episodes.

    Args:
        names: names in `info` (the setting `log_info`).
        members: independent agents.
    """

    def __init__(self, names: Sequence[str], members: int):
        self.names = tuple(names)
        self._sums = np.zeros((members, len(names)))
        self._counts = np.zeros((members, len(names)))

    def add(self, values: NDArray[np.float64]) -> None:
        """Add the values of one step, `[member, name]`; NaN where a step has none."""
        if not self.names:
            return
        has_value = ~np.isnan(values)
        self._sums[has_value] += values[has_value]
        self._counts += has_value

    def means(self) -> dict[str, NDArray[np.float64]]:
        """Return name -> mean over the episode's steps that have a value, `[member]`; else NaN."""
        means = np.full_like(self._sums, np.nan)
        np.divide(self._sums, self._counts, out=means, where=self._counts > 0)
        return dict(zip(self.names, means.T, strict=True))

    def end_episodes(self, ended: NDArray[np.bool_]) -> None:
        """Start new episodes of the members that are True in `ended` `[member]`."""
        self._sums[ended] = 0
        self._counts[ended] = 0

    def state_dict(self) -> torch.Tensor:
        """Return sums and counts, `[member, sum or count, name]`."""
        return torch.from_numpy(np.stack([self._sums, self._counts], axis=1))

    def load_state_dict(self, state: torch.Tensor) -> None:
        """Load what `state_dict` returned."""
        self._sums, self._counts = (state[:, index].numpy().copy() for index in range(2))

    def require(self, state: Any) -> None:
        """Check a result of `state_dict`.

        Raises:
            StateError: it is something else.
        """
        members, names = self._sums.shape
        require_like(state, TensorPattern((members, 2, names), torch.float64), "info")
        require_finite(state, [True] * members, "info")
