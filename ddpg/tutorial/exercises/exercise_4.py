"""Exercise 4. Actor-critic from pixels: the features never change.

Actor and critic read the features of one encoder. The critic's loss should train the encoder; the
actor's loss should not. Both heads learn something, but less than they should.
"""

import torch
from torch import Tensor, nn


class Agent:
    """An encoder and two heads."""

    def __init__(self) -> None:
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
        self.actor = nn.Linear(4 * 6 * 6, 3)
        self.critic = nn.Linear(4 * 6 * 6, 1)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update_critic(self, image: Tensor, value: Tensor) -> None:
        """Fit the returns `value`; `[batch, 1, 8, 8]`, `[batch, 1]`."""
        self.encoder.zero_grad()
        self.critic_optimizer.zero_grad()
        (self.critic(self.encoder(image)) - value).square().mean().backward()
        self.critic_optimizer.step()

    def update_actor(self, image: Tensor, action: Tensor, advantage: Tensor) -> None:
        """Run one step; `[batch, 1, 8, 8]`, `[batch, 1]` (action index), `[batch, 1]`."""
        with torch.no_grad():
            features = self.encoder(image)
        log_probability = self.actor(features).log_softmax(dim=-1).gather(1, action)
        self.actor_optimizer.zero_grad()
        (-(log_probability * advantage).mean()).backward()
        self.actor_optimizer.step()
