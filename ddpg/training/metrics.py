"""Metrics of the updates since the last logged point, on the device that computed them."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.agent import Metrics, Values

_BLOCK = 100
"""Updates whose metrics are computed in one batch of operations."""


class NonfiniteMetric(NamedTuple):
    """A metric that is NaN or infinite."""

    update: int
    """Index in the window."""
    member: int
    metric: str
    """Name of the field of `Metrics`."""
    value: float


class MetricsWindow:
    """Metrics of updates, kept on the device, since reading them stalls a GPU.

    Args:
        length: updates that memory is taken for; more take more.
        members: independent agents.
        device: device of the metrics.
    """

    def __init__(self, length: int, members: int, device: torch.device):
        self._metrics = torch.zeros(len(Metrics._fields), length, members, device=device)
        self._used = 0
        self._latest: list[Values] = []

    def __len__(self) -> int:
        """Number of updates in the window."""
        return self._used + len(self._latest)

    def append(self, values: Values) -> None:
        """Add the values of one update."""
        self._latest.append(values)
        if len(self._latest) == _BLOCK:
            self._compute_latest()

    def clear(self) -> None:
        """Start a new window."""
        self._used = 0
        self._latest = []

    def means(self) -> dict[str, NDArray[np.float64]]:
        """Return the mean of each field of `Metrics`, `[member]`; empty for an empty window."""
        if not len(self):
            return {}
        means = self._read().mean(axis=1, dtype=np.float64)
        return dict(zip(Metrics._fields, means, strict=True))

    def first_nonfinite(self, members: NDArray[np.bool_]) -> NonfiniteMetric | None:
        """Return the first metric that is NaN or infinite, in the order of the updates.

        Args:
            members: members to check, `[member]`.
        """
        values = self._read()
        indices = np.argwhere(~np.isfinite(values.transpose(1, 2, 0)) & members[:, None])
        if len(indices) == 0:
            return None
        update, member, field = (int(index) for index in indices[0])
        value = float(values[field, update, member])
        return NonfiniteMetric(update, member, Metrics._fields[field], value)

    def state_dict(self) -> torch.Tensor:
        """Return the window, `[field of Metrics, update, member]`."""
        return self._computed().cpu().clone()

    def load_state_dict(self, state: torch.Tensor) -> None:
        """Load what `state_dict` returned."""
        self._used, self._latest = state.shape[1], []
        self._reserve()
        self._metrics[:, : self._used] = state.to(self._metrics.device)

    def _read(self) -> NDArray[np.float32]:
        return self._computed().cpu().numpy()

    def _computed(self) -> torch.Tensor:
        """Return the metrics of all updates, `[field of Metrics, update, member]`."""
        if self._latest:
            self._compute_latest()
        return self._metrics[:, : self._used]

    def _compute_latest(self) -> None:
        first, self._used = self._used, len(self)
        self._reserve()
        values = Values(*(torch.stack(each) for each in zip(*self._latest, strict=True)))
        self._metrics[:, first : self._used] = torch.stack(values.metrics())
        self._latest = []

    def _reserve(self) -> None:
        """Take memory for all updates: with another `log_every` or `steps`, a window is longer."""
        fields, length, members = self._metrics.shape
        if self._used > length:
            more = self._metrics.new_zeros(fields, self._used - length, members)
            self._metrics = torch.cat([self._metrics, more], dim=1)
