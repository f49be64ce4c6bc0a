"""Exercise 5, solved. All gradients first, then all steps.

A learner that collects every gradient before it applies any, so that both losses see the same
weights. The critic's gradients are put aside before the actor's loss runs through the critic, and
are put back before the critic's step. The values grow without bound.
"""

import torch
from torch import Tensor, nn


class Agent:
    """An actor and a critic, one optimizer each."""

    def __init__(self) -> None:
        self.actor = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1), nn.Tanh())
        self.critic = nn.Sequential(nn.Linear(3 + 1, 16), nn.ReLU(), nn.Linear(16, 1))
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update(self, observation: Tensor, action: Tensor, target: Tensor) -> None:
        """One step of both; `[batch, 3]`, `[batch, 1]`, `[batch, 1]`."""
        self.actor_optimizer.zero_grad()
        self.critic_optimizer.zero_grad()

        value = self.critic(torch.cat([observation, action], dim=1))
        (value - target).square().mean().backward()
        gradients = [parameter.grad for parameter in self.critic.parameters()]

        policy = self.actor(observation)
        actor_loss = -self.critic(torch.cat([observation, policy], dim=1)).mean()
        actor_loss.backward(inputs=list(self.actor.parameters()))

        for parameter, gradient in zip(self.critic.parameters(), gradients, strict=True):
            parameter.grad = gradient
        self.critic_optimizer.step()
        self.actor_optimizer.step()
