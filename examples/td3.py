"""TD3 in one file, on a pendulum that has no need of Gymnasium."""

import argparse
import copy
import random

import torch
import torch.nn as nn
import torch.nn.functional as F


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return torch.tanh(self.fc2(F.relu(self.fc1(x))))


class QNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x, a):
        return self.fc2(F.relu(self.fc1(torch.cat([x, a], 1))))


class Pendulum:
    def reset(self):
        self.angle, self.speed = random.uniform(-3.1, 3.1), random.uniform(-1, 1)
        return self.observation()

    def observation(self):
        angle = torch.tensor(self.angle)
        return torch.stack([angle.cos(), angle.sin(), torch.tensor(self.speed)])

    def step(self, action):
        reward = -(self.angle**2 + 0.1 * self.speed**2)
        self.speed += 0.75 * torch.tensor(self.angle).sin().item() + 0.15 * action
        self.angle += 0.05 * self.speed
        return self.observation(), reward


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--total-timesteps", type=int, default=400)
    parser.add_argument("--learning-starts", type=int, default=32)
    parser.add_argument("--policy-frequency", type=int, default=2)
    args = parser.parse_args()
    random.seed(args.seed)
    torch.manual_seed(args.seed)

    env = Pendulum()
    actor = Actor()
    qf1, qf2 = QNetwork(), QNetwork()
    target_actor = copy.deepcopy(actor)
    qf1_target, qf2_target = copy.deepcopy(qf1), copy.deepcopy(qf2)
    q_optimizer = torch.optim.Adam(list(qf1.parameters()) + list(qf2.parameters()), lr=3e-4)
    actor_optimizer = torch.optim.Adam(list(actor.parameters()), lr=3e-4)

    memory = []
    obs = env.reset()
    for global_step in range(args.total_timesteps):
        with torch.no_grad():
            action = (actor(obs[None])[0] + 0.1 * torch.randn(1)).clamp(-1, 1)
        next_obs, reward = env.step(action.item())
        memory.append((obs, action, torch.tensor([reward]), next_obs))
        obs = next_obs

        if global_step > args.learning_starts:
            batch = random.sample(memory, 32)
            states, actions, rewards, next_states = (torch.stack(each) for each in zip(*batch))
            with torch.no_grad():
                noise = (0.2 * torch.randn_like(actions)).clamp(-0.5, 0.5)
                next_actions = (target_actor(next_states) + noise).clamp(-1, 1)
                q1_next = qf1_target(next_states, next_actions)
                q2_next = qf2_target(next_states, next_actions)
                next_q_value = rewards + 0.99 * torch.min(q1_next, q2_next)

            qf1_loss = F.mse_loss(qf1(states, actions), next_q_value)
            qf2_loss = F.mse_loss(qf2(states, actions), next_q_value)
            qf_loss = qf1_loss + qf2_loss
            q_optimizer.zero_grad()
            qf_loss.backward()
            q_optimizer.step()

            if global_step % args.policy_frequency == 0:
                actor_loss = -qf1(states, actor(states)).mean()
                actor_optimizer.zero_grad()
                actor_loss.backward()
                actor_optimizer.step()

                pairs = [(actor, target_actor), (qf1, qf1_target), (qf2, qf2_target)]
                for net, target in pairs:
                    for param, target_param in zip(net.parameters(), target.parameters()):
                        target_param.data.copy_(0.005 * param.data + 0.995 * target_param.data)

        if global_step % 100 == 99:
            print(f"step {global_step + 1}")
