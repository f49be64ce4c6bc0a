"""PPO in one file: actor and critic in one module, one optimizer, one joint loss."""

import argparse

import torch
import torch.nn as nn
from torch.distributions import Categorical


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
        self.actor = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


class Walk:
    """Eight walkers on a line: a step to the left or to the right, and a reward near zero."""

    def reset(self):
        self.position, self.time = torch.randn(8), torch.zeros(8)
        return self.observation()

    def observation(self):
        return torch.stack([self.position, self.time / 10], dim=1)

    def step(self, action):
        self.position = self.position + 0.2 * (2 * action - 1)
        self.time = (self.time + 1) % 10
        return self.observation(), -self.position.abs()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--num-iterations", type=int, default=10)
    parser.add_argument("--num-steps", type=int, default=16)
    parser.add_argument("--update-epochs", type=int, default=2)
    parser.add_argument("--clip-coef", type=float, default=0.2)
    args = parser.parse_args()
    torch.manual_seed(1)

    envs = Walk()
    agent = Agent()
    optimizer = torch.optim.Adam(agent.parameters(), lr=2.5e-3, eps=1e-5)
    next_obs = envs.reset()
    for iteration in range(args.num_iterations):
        obs, actions, logprobs, rewards, values = [], [], [], [], []
        for _ in range(args.num_steps):
            with torch.no_grad():
                action, logprob, _, value = agent.get_action_and_value(next_obs)
            obs.append(next_obs)
            actions.append(action)
            logprobs.append(logprob)
            values.append(value.flatten())
            next_obs, reward = envs.step(action)
            rewards.append(reward)

        with torch.no_grad():
            returns, following = [], agent.get_value(next_obs).flatten()
            for reward in reversed(rewards):
                following = reward + 0.95 * following
                returns.insert(0, following)
        b_obs, b_actions, b_logprobs = torch.cat(obs), torch.cat(actions), torch.cat(logprobs)
        b_returns, b_values = torch.cat(returns), torch.cat(values)
        b_advantages = b_returns - b_values

        for _ in range(args.update_epochs):
            for mb_inds in torch.randperm(len(b_obs)).chunk(4):
                _, newlogprob, entropy, newvalue = agent.get_action_and_value(
                    b_obs[mb_inds], b_actions[mb_inds]
                )
                ratio = (newlogprob - b_logprobs[mb_inds]).exp()
                mb_advantages = b_advantages[mb_inds]
                mb_advantages = (mb_advantages - mb_advantages.mean()) / mb_advantages.std()
                clipped = ratio.clamp(1 - args.clip_coef, 1 + args.clip_coef)
                pg_loss = -torch.min(mb_advantages * ratio, mb_advantages * clipped).mean()
                v_loss = 0.5 * (newvalue.view(-1) - b_returns[mb_inds]).pow(2).mean()
                loss = pg_loss - 0.01 * entropy.mean() + 0.5 * v_loss
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
        print(f"iteration {iteration}: reward {torch.stack(rewards).mean().item():.3f}")
