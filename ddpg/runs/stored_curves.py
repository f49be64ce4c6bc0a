"""Place in a run's curves, as a checkpoint holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ddpg.errors import StateError
from ddpg.runs.state_check import COUNT, require_like


@dataclass(frozen=True)
class StoredCurves:
    """Rows that are written, and values that are not."""

    rows: Sequence[int] = ()
    """Rows of `metrics.csv` and of `weights.csv`; none if the checkpoint does not hold them."""
    pending: Mapping[str, Any] = field(default_factory=dict)
    """Tag -> values `[member]` of a step whose evaluation was interrupted."""

    def state_dict(self) -> dict[str, Any]:
        """Return lists and dicts of numbers."""
        pending = {tag: _listed(values) for tag, values in self.pending.items()}
        return {"rows": [*self.rows], "pending": pending}

    @classmethod
    def load(cls, state: Any, members: int, tags: Sequence[str]) -> Self:
        """Return what `state_dict` returned; None is a checkpoint of an earlier version.

        Args:
            state: result of `state_dict`.
            members: members of the run.
            tags: tags of its curves.

        Raises:
            StateError: `state` is not such a state.
        """
        if state is None:
            return cls()
        require_like(state, {"rows": [COUNT, COUNT], "pending": {dict}}, "curves")
        for tag, values in state["pending"].items():
            if tag not in tags:
                raise StateError(f"curves.pending: {tag!r} is not allowed; allowed: a curve's tag")
            require_like(values, [0.0] * members, "curves.pending")
        return cls(state["rows"], state["pending"])


def _listed(values: NDArray[np.floating]) -> list[float]:
    return [float(value) for value in values]
