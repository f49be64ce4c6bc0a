"""Exercise 4, solved. Actor-critic from pixels: the features stay what they were on day one.

Actor and critic read the features of one encoder, which the critic's loss is to train (and the
actor's is not). Both heads learn something, and it is never as good as it should be.
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
        trained = [*self.critic.parameters(), *self.encoder.parameters()]
        self.critic_optimizer = torch.optim.Adam(trained, lr=1e-3)

    def update_critic(self, image: Tensor, value: Tensor) -> None:
        """Towards the returns `value`; `[batch, 1, 8, 8]`, `[batch, 1]`."""
        self.critic_optimizer.zero_grad()
        (self.critic(self.encoder(image)) - value).square().mean().backward()
        self.critic_optimizer.step()

    def update_actor(self, image: Tensor, action: Tensor, advantage: Tensor) -> None:
        """Policy gradient; `[batch, 1, 8, 8]`, `[batch, 1]` (which of 3 actions), `[batch, 1]`."""
        with torch.no_grad():
            features = self.encoder(image)
        log_probability = self.actor(features).log_softmax(dim=-1).gather(1, action)
        self.actor_optimizer.zero_grad()
        (-(log_probability * advantage).mean()).backward()
        self.actor_optimizer.step()
