"""Exercise 1. Advantage actor-critic: which network learns from which loss?

The actor's loss weights log-probabilities by the advantage, which contains the critic's prediction.
It should train only the actor; the critic has its own loss. Training is unstable, and no error is
raised. (`term` names a loss for the audit and does nothing else.)
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import term


class Agent:
    """An actor and a critic with one optimizer each."""

    def __init__(self) -> None:
        self.actor = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
        self.critic = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update(self, observation: Tensor, action: Tensor, reward: Tensor) -> None:
        """Run one step; `[batch, 4]`, `[batch, 1]` (index of the action), `[batch, 1]`."""
        advantage = reward - self.critic(observation)
        log_probability = self.actor(observation).log_softmax(dim=-1).gather(1, action)

        actor_loss = term("actor_loss", -(log_probability * advantage).mean())
        critic_loss = term("critic_loss", advantage.square().mean())

        self.actor_optimizer.zero_grad()
        self.critic_optimizer.zero_grad()
        (actor_loss + critic_loss).backward()
        self.actor_optimizer.step()
        self.critic_optimizer.step()
