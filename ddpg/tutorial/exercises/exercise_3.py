"""Exercise 3. DQN: the target network that is said to lag behind.

Q learning with a target network that follows slowly, so that the loss does not chase itself. It
chases itself all the same.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

GAMMA, TAU = 0.99, 0.005


class Agent:
    """A Q network and its target."""

    def __init__(self) -> None:
        device = torch.device("cpu")
        network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        self.online = network.to(device)
        self.target = network.to(device)
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-3)

    def update(
        self, observation: Tensor, action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """One step; `[batch, 4]`, `[batch, 1]` (which of 2 actions), `[batch, 1]`, `[batch, 4]`."""
        with torch.no_grad():
            best = self.target(next_observation).max(dim=1, keepdim=True).values
        value = self.online(observation).gather(1, action)
        loss = mse_loss(value, reward + GAMMA * best)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def sync(self) -> None:
        """Polyak averaging: the target moves a little towards the online network."""
        with torch.no_grad():
            for target, online in zip(
                self.target.parameters(), self.online.parameters(), strict=True
            ):
                target.lerp_(online, TAU)
