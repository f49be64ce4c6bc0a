"""Recurrent actor-critic on sequences: the speed of the point has to be remembered."""

import copy
import random

import torch
import torch.nn as nn
import torch.nn.functional as F


class RecurrentActor(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, obs, state=None):
        x, state = self.gru(obs, state)
        return torch.tanh(self.out(x)), state


class RecurrentCritic(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, obs, actions):
        x, _ = self.gru(torch.cat([obs, actions], dim=-1))
        return self.out(x)


def collect(actor, length=12):
    """Play one episode and return observations [length + 1, 1], actions and rewards."""
    position, speed = torch.randn(1), torch.zeros(1)
    observations, actions, rewards = [position], [], []
    state = None
    for _ in range(length):
        with torch.no_grad():
            action, state = actor(position.reshape(1, 1, 1), state)
        action = (action.reshape(1) + 0.2 * torch.randn(1)).clamp(-1, 1)
        speed = 0.9 * speed + 0.3 * action
        position = position + 0.3 * speed
        observations.append(position)
        actions.append(action)
        rewards.append(-position.abs())
    return torch.stack(observations), torch.stack(actions), torch.stack(rewards)


def soft_update(net, target, tau=0.05):
    with torch.no_grad():
        for p, target_p in zip(net.parameters(), target.parameters()):
            target_p.mul_(1 - tau).add_(p, alpha=tau)


def train(episodes=60, batch_size=8, gamma=0.95):
    actor, critic = RecurrentActor(), RecurrentCritic()
    actor_target, critic_target = copy.deepcopy(actor), copy.deepcopy(critic)
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3)
    critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
    episodes_seen = []
    for episode in range(episodes):
        episodes_seen.append(collect(actor))
        if episode + 1 < batch_size:
            continue
        batch = random.sample(episodes_seen, batch_size)
        observations, actions, rewards = (torch.stack(each) for each in zip(*batch))
        obs, next_obs = observations[:, :-1], observations[:, 1:]

        with torch.no_grad():
            next_actions, _ = actor_target(next_obs)
            next_q = critic_target(next_obs, next_actions)
        critic_loss = F.mse_loss(critic(obs, actions), rewards + gamma * next_q)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

        new_actions, _ = actor(obs)
        actor_loss = -critic(obs, new_actions).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

        soft_update(actor, actor_target)
        soft_update(critic, critic_target)
        if episode % 20 == 19:
            print(f"episode {episode + 1}: critic loss {critic_loss.item():.3f}")


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    train()
