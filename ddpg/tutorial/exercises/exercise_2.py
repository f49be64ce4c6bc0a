"""Exercise 2. DDPG: the actor follows a critic that never improves.

The loss falls a little and then fluctuates. After a day the policy is as bad as after a minute. The
gradient is cut at the target on purpose.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

GAMMA = 0.99


class Agent:
    """Actor, critic and their target networks."""

    def __init__(self) -> None:
        self.actor = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1), nn.Tanh())
        self.critic = nn.Sequential(nn.Linear(3 + 1, 16), nn.ReLU(), nn.Linear(16, 1))
        self.actor_target = deepcopy(self.actor)
        self.critic_target = deepcopy(self.critic)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update_critic(
        self, observation: Tensor, action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Run one critic step; `[batch, 3]`, `[batch, 1]`, `[batch, 1]`, `[batch, 3]`."""
        next_action = self.actor_target(next_observation)
        bootstrap = self.critic_target(torch.cat([next_observation, next_action], dim=1))
        target = reward + GAMMA * bootstrap
        value = self.critic(torch.cat([observation, action], dim=1))

        loss = mse_loss(target, value.detach())
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

    def update_actor(self, observation: Tensor) -> None:
        """Run one actor step; `[batch, 3]`."""
        action = self.actor(observation)
        loss = -self.critic(torch.cat([observation, action], dim=1)).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()
