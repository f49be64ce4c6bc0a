"""Exploration noise in units of the action's half-range, with a linear schedule of its scale."""

from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ddpg.random_streams import Normal, Stream


class Noise(Protocol):
    """Noise that is added to the actor's action during training."""

    def sample(self, sigma: float) -> NDArray[np.float64]:
        """Return noise `[member, action]` of scale `sigma`."""
        ...

    def reset(self, members: NDArray[np.bool_]) -> None:
        """Start a new episode of the members that are True in `members` `[member]`."""
        ...

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the state, except for the random generators."""
        ...

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Load what `state_dict` returned."""
        ...


class GaussianNoise:
    """Independent normal noise with standard deviation sigma.

    Args:
        stream: source of normal numbers.
        action_dim: width of an action.
    """

    def __init__(self, stream: Stream, action_dim: int):
        self.stream = stream
        self.draw = Normal(action_dim)

    def sample(self, sigma: float) -> NDArray[np.float64]:
        return sigma * self.stream.take(self.draw)

    def reset(self, members: NDArray[np.bool_]) -> None:
        """Do nothing: there is no state."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Do nothing: there is no state."""


class OrnsteinUhlenbeckNoise:
    """Noise with momentum: x ← x − θx + σ·N(0, 1), starting from 0 in each episode.

    Lillicrap et al. 2016, section 3 and supplement (θ 0.15, σ 0.2), with a time step of 1. The
    standard deviation converges to σ/√(1 − (1 − θ)²).

    Args:
        stream: source of normal numbers.
        action_dim: width of an action.
        theta: fraction of the noise that is lost per step.
    """

    def __init__(self, stream: Stream, action_dim: int, theta: float):
        self.stream = stream
        self.draw = Normal(action_dim)
        self.theta = theta
        self.state = np.zeros((len(stream.generators), action_dim))

    def sample(self, sigma: float) -> NDArray[np.float64]:
        self.state += sigma * self.stream.take(self.draw) - self.theta * self.state
        return self.state

    def reset(self, members: NDArray[np.bool_]) -> None:
        self.state[members] = 0.0

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"state": torch.from_numpy(self.state.copy())}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.state = state["state"].numpy().copy()


def make_noise(
    kind: Literal["gaussian", "ornstein_uhlenbeck"],
    stream: Stream,
    action_dim: int,
    theta: float,
) -> Noise:
    """Create the noise `kind`, a value of the setting `noise`; Gaussian noise ignores `theta`."""
    if kind == "gaussian":
        return GaussianNoise(stream, action_dim)
    return OrnsteinUhlenbeckNoise(stream, action_dim, theta)


def scheduled_sigma(step: int, first: float, last: float, steps: int) -> float:
    """Return the scale at environment step `step`: linear from `first` to `last` over `steps`.

    With `steps` 0, the scale is always `first`.
    """
    if steps == 0:
        return first
    return first + (last - first) * min(step / steps, 1.0)
