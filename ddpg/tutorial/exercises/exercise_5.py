"""Exercise 5. All gradients first, then all steps.

This learner computes all gradients before it applies any, so that both losses use the same weights.
It stores the critic's gradients before the actor's loss runs through the critic, and restores them
before the critic's step. The values grow without bound.
"""

import torch
from torch import Tensor, nn


class Agent:
    """An actor and a critic with one optimizer each."""

    def __init__(self) -> None:
        self.actor = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1), nn.Tanh())
        self.critic = nn.Sequential(nn.Linear(3 + 1, 16), nn.ReLU(), nn.Linear(16, 1))
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update(self, observation: Tensor, action: Tensor, target: Tensor) -> None:
        """Run one step of both; `[batch, 3]`, `[batch, 1]`, `[batch, 1]`."""
        self.actor_optimizer.zero_grad()
        self.critic_optimizer.zero_grad()

        value = self.critic(torch.cat([observation, action], dim=1))
        (value - target).square().mean().backward()
        gradients = [parameter.grad for parameter in self.critic.parameters()]

        policy = self.actor(observation)
        (-self.critic(torch.cat([observation, policy], dim=1)).mean()).backward()

        for parameter, gradient in zip(self.critic.parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.critic_optimizer.step()
        self.actor_optimizer.step()
