"""Exercise 1, solved. Advantage actor-critic: who learns from whose loss?

The actor's loss weighs log-probabilities by the advantage, which holds what the critic expected.
It should train the actor alone; the critic has a loss of its own. Training is unstable, and nothing
raises. (`term` gives a loss a name for the audit, and does nothing else.)
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import term


class Agent:
    """An actor and a critic, one optimizer each."""

    def __init__(self) -> None:
        self.actor = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
        self.critic = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update(self, observation: Tensor, action: Tensor, reward: Tensor) -> None:
        """One step; `[batch, 4]`, `[batch, 1]` (which of 3 actions), `[batch, 1]`."""
        advantage = reward - self.critic(observation)
        log_probability = self.actor(observation).log_softmax(dim=-1).gather(1, action)

        actor_loss = term("actor_loss", -(log_probability * advantage.detach()).mean())
        critic_loss = term("critic_loss", advantage.square().mean())

        self.actor_optimizer.zero_grad()
        self.critic_optimizer.zero_grad()
        (actor_loss + critic_loss).backward()
        self.actor_optimizer.step()
        self.critic_optimizer.step()
