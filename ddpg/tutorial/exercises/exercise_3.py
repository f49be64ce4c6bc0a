"""Exercise 3. DQN: a target network that should lag behind.

Q-learning with a target network that should follow the online network slowly, so that the targets
of the loss are almost constant. They are not.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

GAMMA, TAU = 0.99, 0.005


class Agent:
    """A Q network and its target network."""

    def __init__(self) -> None:
        device = torch.device("cpu")
        network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
        self.online = network.to(device)
        self.target = network.to(device)
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-3)

    def update(
        self, observation: Tensor, action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Run one step; `[batch, 4]`, `[batch, 1]` (action index), `[batch, 1]`, `[batch, 4]`."""
        with torch.no_grad():
            best = self.target(next_observation).max(dim=1, keepdim=True).values
        value = self.online(observation).gather(1, action)
        loss = mse_loss(value, reward + GAMMA * best)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def sync(self) -> None:
        """Move the target a little towards the online network (Polyak averaging)."""
        with torch.no_grad():
            for target, online in zip(
                self.target.parameters(), self.online.parameters(), strict=True
            ):
                target.lerp_(online, TAU)
