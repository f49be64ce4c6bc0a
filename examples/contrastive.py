"""Actor-critic on pictures whose encoder the critic and a contrastive loss share."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


def picture(position):
    """A bright spot on a line of 16 cells."""
    cells = torch.linspace(-1, 1, 16)
    return torch.exp(-20 * (cells - position) ** 2)


def augment(obs):
    return torch.roll(obs, int(torch.randint(-1, 2, ())), dims=-1) + 0.02 * torch.randn_like(obs)


class Encoder(nn.Module):
    def __init__(self, features=8):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 5, stride=2)
        self.fc = nn.Linear(24, features)

    def forward(self, obs):
        return torch.tanh(self.fc(F.relu(self.conv(obs[:, None])).flatten(1)))


class CurlAgent:
    def __init__(self):
        self.encoder = Encoder()
        self.encoder_target = copy.deepcopy(self.encoder)
        self.critic = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 1))
        self.critic_target = copy.deepcopy(self.critic)
        self.actor = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1), nn.Tanh())
        self.W = nn.Parameter(torch.eye(8))
        self.critic_optimizer = torch.optim.Adam(
            [*self.encoder.parameters(), *self.critic.parameters()], lr=1e-3
        )
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-3)
        self.curl_optimizer = torch.optim.Adam([*self.encoder.parameters(), self.W], lr=1e-3)

    def act(self, obs):
        with torch.no_grad():
            return self.actor(self.encoder(obs[None]))[0]

    def update(self, obs, action, reward, next_obs):
        self.update_critic(obs, action, reward, next_obs)
        self.update_actor(obs)
        self.update_encoder(obs)
        for net, target in [
            (self.encoder, self.encoder_target),
            (self.critic, self.critic_target),
        ]:
            for p, target_p in zip(net.parameters(), target.parameters()):
                target_p.data.mul_(0.95).add_(0.05 * p.data)

    def update_critic(self, obs, action, reward, next_obs):
        with torch.no_grad():
            next_features = self.encoder_target(next_obs)
            next_action = self.actor(self.encoder(next_obs))
            next_q = self.critic_target(torch.cat([next_features, next_action], 1))
            target = reward + 0.9 * next_q
        q = self.critic(torch.cat([self.encoder(obs), action], 1))
        loss = F.mse_loss(q, target)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

    def update_actor(self, obs):
        features = self.encoder(obs).detach()
        loss = -self.critic(torch.cat([features, self.actor(features)], 1)).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()

    def update_encoder(self, obs):
        anchor = self.encoder(augment(obs))
        positive = self.encoder_target(augment(obs)).detach()
        logits = anchor @ self.W @ positive.T
        loss = F.cross_entropy(logits, torch.arange(len(obs)))
        self.curl_optimizer.zero_grad()
        loss.backward()
        self.curl_optimizer.step()


if __name__ == "__main__":
    torch.manual_seed(0)
    agent = CurlAgent()
    replay = []
    position = torch.zeros(1)
    for step in range(200):
        obs = picture(position)
        action = (agent.act(obs) + 0.3 * torch.randn(1)).clamp(-1, 1)
        position = (position + 0.2 * action).clamp(-1, 1)
        replay.append((obs, action, -position.abs(), picture(position)))
        if len(replay) >= 16:
            indices = torch.randint(len(replay), (16,)).tolist()
            agent.update(*(torch.stack(each) for each in zip(*(replay[i] for i in indices))))
        if step % 50 == 49:
            print("step", step + 1)
