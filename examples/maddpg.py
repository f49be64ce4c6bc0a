"""MADDPG: two agents that meet on a line, each with a critic that sees both."""

import copy
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

N_AGENTS = 2


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, outputs))


class Agent:
    def __init__(self, lr=1e-3):
        self.actor = nn.Sequential(mlp(2, 1), nn.Tanh())
        self.critic = mlp(N_AGENTS * 3, 1)
        self.target_actor = copy.deepcopy(self.actor)
        self.target_critic = copy.deepcopy(self.critic)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=lr)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=lr)

    def sync(self, tau=0.02):
        for net, target in [(self.actor, self.target_actor), (self.critic, self.target_critic)]:
            for p, target_p in zip(net.parameters(), target.parameters()):
                target_p.data.copy_(tau * p.data + (1 - tau) * target_p.data)


def learn(agents, batch):
    """Update all agents. Shapes: observations [batch, agent, 2], actions [batch, agent, 1]."""
    obs, actions, rewards, next_obs = batch
    with torch.no_grad():
        next_actions = [agent.target_actor(next_obs[:, i]) for i, agent in enumerate(agents)]
    for i, agent in enumerate(agents):
        with torch.no_grad():
            next_joint = torch.cat([next_obs.flatten(1), *next_actions], dim=1)
            target = rewards[:, i] + 0.95 * agent.target_critic(next_joint)
        joint = torch.cat([obs.flatten(1), actions.flatten(1)], dim=1)
        critic_loss = F.mse_loss(agent.critic(joint), target)
        agent.critic_optimizer.zero_grad()
        critic_loss.backward()
        agent.critic_optimizer.step()

        new_actions = [
            each.actor(obs[:, j]) if j == i else each.actor(obs[:, j]).detach()
            for j, each in enumerate(agents)
        ]
        joint = torch.cat([obs.flatten(1), *new_actions], dim=1)
        actor_loss = -agent.critic(joint).mean()
        agent.actor_optimizer.zero_grad()
        actor_loss.backward()
        agent.actor_optimizer.step()
    for agent in agents:
        agent.sync()


def observe(positions):
    return torch.stack([positions, positions.flip(0)], dim=1)


if __name__ == "__main__":
    random.seed(0)
    torch.manual_seed(0)
    agents = [Agent() for _ in range(N_AGENTS)]
    replay = []
    positions = torch.randn(N_AGENTS)
    for step in range(200):
        obs = observe(positions)
        with torch.no_grad():
            actions = torch.stack([agent.actor(obs[i]) for i, agent in enumerate(agents)])
            actions = (actions + 0.2 * torch.randn_like(actions)).clamp(-1, 1)
        positions = positions + 0.1 * actions[:, 0]
        reward = -(positions[0] - positions[1]).abs().expand(N_AGENTS, 1)
        replay.append((obs, actions, reward, observe(positions)))
        if step % 25 == 24:
            print(f"step {step + 1}: reward {reward[0].item():.2f}")
            positions = torch.randn(N_AGENTS)
        if len(replay) >= 32:
            learn(agents, [torch.stack(each) for each in zip(*random.sample(replay, 32))])
