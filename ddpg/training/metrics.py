"""The losses and values of the updates since the last point, kept where they were computed."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.agent import Metrics, Values

_BLOCK = 100
"""Updates whose metrics are computed at once."""


class Broken(NamedTuple):
    """The first value of a window that is NaN or infinite."""

    update: int
    """Counted from the window's first update, 0."""
    member: int
    term: str
    """A field of `Metrics`."""
    value: float


class MetricsWindow:
    """Up to `length` updates' metrics, on the device: reading each of them would stall a GPU.

    Args:
        length: updates that fit in.
        members: independent agents.
        device: where the metrics are.
    """

    def __init__(self, length: int, members: int, device: torch.device):
        self._values = torch.zeros(len(Metrics._fields), length, members, device=device)
        self._used = 0
        self._latest: list[Values] = []

    def __len__(self) -> int:
        """Updates in the window."""
        return self._used + len(self._latest)

    def append(self, values: Values) -> None:
        """Take the values that one update saw."""
        self._latest.append(values)
        if len(self._latest) == _BLOCK:
            self._put_together()

    def clear(self) -> None:
        """Begin a new window."""
        self._used = 0
        self._latest = []

    def means(self) -> dict[str, NDArray[np.float64]]:
        """Mean of each field of `Metrics` over the window `[member]`; empty if the window is."""
        if not len(self):
            return {}
        means = self._read().mean(axis=1, dtype=np.float64)
        return dict(zip(Metrics._fields, means, strict=True))

    def first_broken(self, members: NDArray[np.bool_]) -> Broken | None:
        """The first value that is not finite, in the order of the updates.

        Args:
            members: whom to look at `[member]`.
        """
        values = self._read()
        broken = np.argwhere(~np.isfinite(values.transpose(1, 2, 0)) & members[:, None])
        if len(broken) == 0:
            return None
        update, member, term = (int(index) for index in broken[0])
        return Broken(update, member, Metrics._fields[term], float(values[term, update, member]))

    def state_dict(self) -> torch.Tensor:
        """The window so far, `[field of Metrics, update, member]`."""
        return self._filled().cpu().clone()

    def load_state_dict(self, state: torch.Tensor) -> None:
        """Take up what `state_dict` returned."""
        self._used, self._latest = state.shape[1], []
        if self._used > self._values.shape[1]:
            # A run that is resumed up to fewer steps has a shorter window than it had.
            self._values = torch.zeros_like(state, device=self._values.device)
        self._values[:, : self._used] = state.to(self._values.device)

    def _read(self) -> NDArray[np.float32]:
        return self._filled().cpu().numpy()

    def _filled(self) -> torch.Tensor:
        """The part of the window that is in use, `[field of Metrics, update, member]`."""
        if self._latest:
            self._put_together()
        return self._values[:, : self._used]

    def _put_together(self) -> None:
        first, self._used = self._used, len(self)
        values = Values(*(torch.stack(each) for each in zip(*self._latest, strict=True)))
        self._values[:, first : self._used] = torch.stack(values.metrics())
        self._latest = []
