"""DDPG on normalized observations and scaled rewards; the algorithm is that of `ddpg.agent`."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.networks import Actor
from ddpg.normalization.statistics import Normalization, Standardize
from ddpg.replay import Batch


class NormalizedDDPG(DDPG):
    """DDPG whose observations and rewards are raw, as are the values that it returns.

    Args:
        config: all settings.
        observation_dim: width of an observation.
        action_dim: width of an action.
        generators: one per member, for the initial weights.
        device: device of networks and batches.
    """

    def __init__(
        self,
        config: Config,
        observation_dim: int,
        action_dim: int,
        generators: list[Generator],
        device: torch.device,
    ):
        super().__init__(config, observation_dim, action_dim, generators, device)
        self.normalization = Normalization(config, len(generators), observation_dim, device)

    def act(self, observation: Tensor) -> Tensor:
        return super().act(self.normalization.observations(observation))

    def value(self, observation: Tensor) -> Tensor:
        scaled = super().value(self.normalization.observations(observation))
        return scaled / self.normalization.reward_scale

    def update_critic(self, batch: Batch) -> tuple[Tensor, Tensor]:
        q, target = super().update_critic(self.normalization.batch(batch))
        return q / self.normalization.reward_scale, target / self.normalization.reward_scale

    def update_actor(self, batch: Batch) -> Tensor:
        q = super().update_actor(self.normalization.batch(batch))
        return q / self.normalization.reward_scale

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "normalization": self.normalization.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.normalization.load_state_dict(state["normalization"])


class NormalizedActor(nn.Module):
    """Policy of raw observations: `[member, batch, observation]` -> `[member, batch, action]`."""

    def __init__(self, constants: Standardize, actor: Actor):
        super().__init__()
        self.constants, self.actor = constants, actor

    def forward(self, observation: Tensor) -> Tensor:
        return self.actor(self.constants(observation))


def make_agent(
    config: Config,
    observation_dim: int,
    action_dim: int,
    generators: list[Generator],
    device: torch.device,
) -> DDPG:
    """Return the agent of a run; see `DDPG` for the arguments."""
    is_normalized = config.normalize_observations or config.reward_scale != 1
    agent = NormalizedDDPG if is_normalized else DDPG
    return agent(config, observation_dim, action_dim, generators, device)


def normalization_of(agent: DDPG) -> Normalization | None:
    """Return the normalization of an agent, if it has one."""
    return agent.normalization if isinstance(agent, NormalizedDDPG) else None


def policy_of(agent: DDPG) -> nn.Module:
    """Return the actor as a function of raw observations."""
    normalization = normalization_of(agent)
    if normalization is None or normalization.standardize is None:
        return agent.actor
    return NormalizedActor(normalization.standardize, agent.actor)
