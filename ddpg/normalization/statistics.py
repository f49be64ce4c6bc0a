"""Running statistics per member, and the normalization of observations and rewards with them.

Source of the bound and of the scale of rewards: `VecNormalize` of Stable-Baselines3, and
https://gymnasium.farama.org/api/wrappers/reward_wrappers/#gymnasium.wrappers.NormalizeReward
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ddpg.config.settings import Config
from ddpg.errors import StateError
from ddpg.replay import Batch

LARGEST = 10.0
"""Bound of a normalized observation, in standard deviations."""
_SMALLEST = 1e-8
"""Added to a variance, which may be 0."""


class Moments:
    """Mean and variance of all values so far (Welford 1962), each `[member, width]`."""

    def __init__(self, members: int, width: int):
        self.count = 0
        self.mean = np.zeros((members, width))
        self._squares = np.zeros((members, width))
        """Sum of squared differences from the mean."""

    @property
    def factor(self) -> NDArray[np.float64]:
        """One over the standard deviation."""
        return 1 / np.sqrt(self._squares / max(self.count, 1) + _SMALLEST)

    def add(self, values: NDArray[np.floating]) -> None:
        """Add one value per member, `[member, width]`."""
        self.count += 1
        difference = values - self.mean
        self.mean += difference / self.count
        self._squares += difference * (values - self.mean)

    def state_dict(self) -> dict[str, Any]:
        """Return the count and the sums."""
        arrays = {"mean": self.mean, "squares": self._squares}
        copies = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        return {"count": self.count, **copies}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned.

        Raises:
            StateError: a count or a sum of squares is negative.
        """
        if state["count"] < 0 or bool((state["squares"] < 0).any()):
            raise StateError("agent.normalization has a negative number; allowed: numbers ≥ 0")
        self.count = state["count"]
        self.mean, self._squares = state["mean"].numpy().copy(), state["squares"].numpy().copy()


class Standardize(nn.Module):
    """Normalization of observations: `[member, batch, observation]`, by constants."""

    mean: Tensor
    factor: Tensor

    def __init__(self, members: int, observation_dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(members, 1, observation_dim))
        self.register_buffer("factor", torch.ones(members, 1, observation_dim))

    def forward(self, observation: Tensor) -> Tensor:
        return ((observation - self.mean) * self.factor).clamp(-LARGEST, LARGEST)

    def set(self, moments: Moments) -> None:
        """Use the mean and variance of `moments`."""
        self.mean.copy_(torch.from_numpy(moments.mean[:, None]))
        self.factor.copy_(torch.from_numpy(moments.factor[:, None]))


class Normalization:
    """Normalization of observations, and scale of rewards.

    Training alone changes the statistics: by each observation that it acts on, and each reward. The
    scale `auto` is one over the standard deviation of the discounted sum of rewards so far.

    Args:
        config: all settings.
        members: independent agents.
        observation_dim: width of an observation.
        device: device of the batches.
    """

    def __init__(self, config: Config, members: int, observation_dim: int, device: torch.device):
        self._gamma = config.gamma
        self._is_auto = config.reward_scale == "auto"
        self.standardize: Standardize | None = None
        if config.normalize_observations:
            self.standardize = Standardize(members, observation_dim).to(device)
        scale = 1.0 if config.reward_scale == "auto" else config.reward_scale
        self.reward_scale = torch.full((members, 1, 1), scale, device=device)
        """`[member, 1, 1]`."""
        self._observations = Moments(members, observation_dim)
        self._returns = Moments(members, 1)
        self._sums = np.zeros((members, 1))
        """Discounted sum of the rewards of the running episode."""

    def add_observation(self, observation: NDArray[np.float32]) -> None:
        """Add the observations `[member, observation]` that the members act on."""
        if self.standardize is not None:
            self._observations.add(observation.astype(np.float64))
            self.standardize.set(self._observations)

    def add_reward(self, reward: NDArray[np.float64]) -> None:
        """Add the rewards `[member]` of one step."""
        if self._is_auto:
            self._sums = self._gamma * self._sums + reward[:, None]
            self._returns.add(self._sums)
            self.reward_scale.copy_(torch.from_numpy(self._returns.factor[:, None]))

    def end_episodes(self, ended: NDArray[np.bool_]) -> None:
        """Start the sums of the members that are True in `ended` `[member]`."""
        self._sums[ended] = 0

    def observations(self, observation: Tensor) -> Tensor:
        """Normalize observations `[member, batch, observation]`."""
        return observation if self.standardize is None else self.standardize(observation)

    def batch(self, batch: Batch) -> Batch:
        """Normalize the observations of a batch and scale its rewards."""
        return batch._replace(
            observation=self.observations(batch.observation),
            reward=batch.reward * self.reward_scale,
            next_observation=self.observations(batch.next_observation),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the statistics, and the constants made of them."""
        constants = {} if self.standardize is None else self.standardize.state_dict()
        return {
            "constants": constants,
            "reward_scale": self.reward_scale.clone(),
            "observations": self._observations.state_dict(),
            "returns": self._returns.state_dict(),
            "sums": torch.from_numpy(self._sums.copy()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned.

        Raises:
            StateError: it is something else.
        """
        self._observations.load_state_dict(state["observations"])
        self._returns.load_state_dict(state["returns"])
        if self.standardize is not None:
            self.standardize.load_state_dict(state["constants"])
        self.reward_scale.copy_(state["reward_scale"])
        self._sums = state["sums"].numpy().copy()
