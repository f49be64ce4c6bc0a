"""SAC with a learned temperature, in a class with one update, on a point that seeks the origin."""

import copy
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Normal


def mlp(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, outputs))


class GaussianPolicy(nn.Module):
    def __init__(self, state_dim, action_dim):
        super().__init__()
        self.net = mlp(state_dim, 2 * action_dim)

    def sample(self, state):
        mean, log_std = self.net(state).chunk(2, dim=-1)
        normal = Normal(mean, log_std.clamp(-5, 2).exp())
        x = normal.rsample()
        action = torch.tanh(x)
        log_prob = normal.log_prob(x) - torch.log(1 - action.pow(2) + 1e-6)
        return action, log_prob.sum(-1, keepdim=True)


class TwinCritic(nn.Module):
    def __init__(self, state_dim, action_dim):
        super().__init__()
        self.q1 = mlp(state_dim + action_dim, 1)
        self.q2 = mlp(state_dim + action_dim, 1)

    def forward(self, state, action):
        x = torch.cat([state, action], dim=-1)
        return self.q1(x), self.q2(x)


class SAC:
    def __init__(self, state_dim, action_dim, gamma=0.98, tau=0.01, lr=1e-3):
        self.gamma, self.tau = gamma, tau
        self.policy = GaussianPolicy(state_dim, action_dim)
        self.critic = TwinCritic(state_dim, action_dim)
        self.critic_target = copy.deepcopy(self.critic)
        self.target_entropy = -float(action_dim)
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.policy_optim = torch.optim.Adam(self.policy.parameters(), lr=lr)
        self.critic_optim = torch.optim.Adam(self.critic.parameters(), lr=lr)
        self.alpha_optim = torch.optim.Adam([self.log_alpha], lr=lr)

    @torch.no_grad()
    def select_action(self, state):
        return self.policy.sample(state[None])[0][0]

    def update(self, batch):
        state, action, reward, next_state = batch
        alpha = self.log_alpha.exp().detach()
        with torch.no_grad():
            next_action, next_log_prob = self.policy.sample(next_state)
            target_q = torch.min(*self.critic_target(next_state, next_action))
            target = reward + self.gamma * (target_q - alpha * next_log_prob)
        q1, q2 = self.critic(state, action)
        critic_loss = F.mse_loss(q1, target) + F.mse_loss(q2, target)
        self.critic_optim.zero_grad()
        critic_loss.backward()
        self.critic_optim.step()

        new_action, log_prob = self.policy.sample(state)
        policy_loss = (alpha * log_prob - torch.min(*self.critic(state, new_action))).mean()
        self.policy_optim.zero_grad()
        policy_loss.backward()
        self.policy_optim.step()

        with torch.no_grad():
            _, log_prob = self.policy.sample(state)
        alpha_loss = -(self.log_alpha * (log_prob + self.target_entropy)).mean()
        self.alpha_optim.zero_grad()
        alpha_loss.backward()
        self.alpha_optim.step()

        with torch.no_grad():
            for p, target_p in zip(self.critic.parameters(), self.critic_target.parameters()):
                target_p.lerp_(p, self.tau)
        return critic_loss.item()


def main():
    random.seed(0)
    torch.manual_seed(0)
    agent = SAC(state_dim=2, action_dim=2)
    memory = deque(maxlen=10_000)
    state = torch.randn(2)
    for step in range(300):
        action = agent.select_action(state)
        next_state = state + 0.2 * action + 0.01 * torch.randn(2)
        memory.append((state, action, -next_state.norm().reshape(1), next_state))
        state = torch.randn(2) if step % 20 == 19 else next_state
        if len(memory) >= 32:
            batch = [torch.stack(each) for each in zip(*random.sample(memory, 32))]
            loss = agent.update(batch)
            if step % 50 == 0:
                print(f"step {step}: critic loss {loss:.3f}")


if __name__ == "__main__":
    main()
