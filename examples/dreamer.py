"""World model, and an actor and a value that are trained in its imagination."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 32), nn.ELU(), nn.Linear(32, outputs))


class WorldModel(nn.Module):
    def __init__(self, obs_dim=3, action_dim=1, latent=8):
        super().__init__()
        self.encoder = mlp(obs_dim, latent)
        self.cell = nn.GRUCell(latent + action_dim, latent)
        self.decoder = mlp(latent, obs_dim)
        self.reward = mlp(latent, 1)

    def step(self, state, action):
        return self.cell(torch.cat([state, action], dim=-1), state)

    def loss(self, obs, actions, rewards):
        """Return the loss of a batch of sequences [time, batch, dim], and the states."""
        state = torch.tanh(self.encoder(obs[0]))
        states, loss = [state], torch.zeros(())
        for t in range(len(actions)):
            state = self.step(state, actions[t])
            loss = loss + F.mse_loss(self.decoder(state), obs[t + 1])
            loss = loss + F.mse_loss(self.reward(state), rewards[t])
            states.append(state)
        return loss, torch.cat(states)


class Dreamer:
    def __init__(self, horizon=5, gamma=0.95):
        self.horizon, self.gamma = horizon, gamma
        self.world = WorldModel()
        self.actor = nn.Sequential(mlp(8, 1), nn.Tanh())
        self.value = mlp(8, 1)
        self.world_optimizer = torch.optim.Adam(self.world.parameters(), lr=1e-3)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.value_optimizer = torch.optim.Adam(self.value.parameters(), lr=1e-3)

    def update(self, obs, actions, rewards):
        world_loss, states = self.world.loss(obs, actions, rewards)
        self.world_optimizer.zero_grad()
        world_loss.backward()
        self.world_optimizer.step()

        imagined, returns = self.imagine(states.detach())
        actor_loss = -returns.mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        value_loss = F.mse_loss(self.value(imagined.detach()), returns.detach())
        self.value_optimizer.zero_grad()
        value_loss.backward()
        self.value_optimizer.step()
        return world_loss.item()

    def imagine(self, state):
        """Return the first states, and the returns of the actor in the world model."""
        start, returns, discount = state, 0.0, 1.0
        for _ in range(self.horizon):
            state = self.world.step(state, self.actor(state))
            returns = returns + discount * self.world.reward(state)
            discount *= self.gamma
        return start, returns + discount * self.value(state)


def play(steps=6, batch=16):
    """Return sequences of a noisy rotation that the action speeds up."""
    angle = 6.28 * torch.rand(batch, 1)
    obs, actions, rewards = [], [], []
    for t in range(steps + 1):
        obs.append(torch.cat([angle.cos(), angle.sin(), 0.1 * torch.randn(batch, 1)], dim=1))
        if t < steps:
            actions.append(2 * torch.rand(batch, 1) - 1)
            angle = angle + 0.3 * actions[-1]
            rewards.append(angle.cos())
    return torch.stack(obs), torch.stack(actions), torch.stack(rewards)


if __name__ == "__main__":
    torch.manual_seed(0)
    agent = Dreamer()
    for step in range(60):
        loss = agent.update(*play())
        if step % 20 == 19:
            print(f"step {step + 1}: model loss {loss:.3f}")
