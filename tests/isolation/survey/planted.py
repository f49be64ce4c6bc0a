"""A small agent with mistakes that can be planted one at a time."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.isolation.agents import network

MISTAKES = (
    "held_unreached",
    "stepped_twice",
    "never_cleared",
    "not_frozen",
    "applied_through",
    "never_follows",
    "unequal_at_start",
    "untrained",
    "own_bootstrap",
)


class Agent:
    """Encoder, critic, actor and their targets, with one of `MISTAKES`, or none."""

    def __init__(self, mistake: str = "") -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.encoder, self.actor, self.critic = network(3, 4), network(4, 1), network(5, 1)
            self.target = copy.deepcopy(self.critic)
            self.frozen = network(3, 1).requires_grad_(False)
            if mistake == "unequal_at_start":
                self.target = network(5, 1)
            self.states, self.next_states = torch.randn(16, 3), torch.randn(16, 3)
            self.actions, self.rewards = torch.randn(16, 1), torch.randn(16, 1)
        self.mistake = mistake
        held = [*self.critic.parameters(), *self.encoder.parameters()]
        if mistake == "held_unreached":
            held += self.actor.parameters()
        if mistake == "untrained":
            held = list(self.critic.parameters())
        self.critic_optimizer = torch.optim.Adam(held, lr=1e-2)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=1e-2)
        if mistake == "applied_through":
            self.actor_optimizer.add_param_group({"params": list(self.critic.parameters())})
        if mistake == "not_frozen":
            self.frozen.requires_grad_(True)
            self.frozen.requires_grad = False  # pyright: ignore[reportArgumentType]

    def q(self, critic: nn.Module, features: Tensor, actions: Tensor) -> Tensor:
        return critic(torch.cat([features, actions], dim=1))

    def critic_update(self) -> None:
        features = self.encoder(self.states)
        with torch.no_grad():
            next_features = self.encoder(self.next_states)
            next_actions = self.actor(next_features)
            bonus = self.frozen(self.states)
            target = self.rewards + bonus + 0.9 * self.q(self.target, next_features, next_actions)
        if self.mistake == "own_bootstrap":
            target = self.rewards + 0.9 * self.q(self.critic, next_features, next_actions)
        loss = (self.q(self.critic, features, self.actions) - target).square().mean()
        if self.mistake != "never_cleared":
            self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        if self.mistake == "stepped_twice":
            self.critic_optimizer.step()

    def actor_update(self) -> None:
        features = self.encoder(self.states).detach()
        self.actor_optimizer.zero_grad()
        (-self.q(self.critic, features, self.actor(features)).mean()).backward()
        self.actor_optimizer.step()

    def sync(self) -> None:
        if self.mistake == "never_follows":
            return
        with torch.no_grad():
            pairs = zip(self.critic.parameters(), self.target.parameters(), strict=True)
            for source, target in pairs:
                target.lerp_(source, 0.05)

    def update(self) -> None:
        self.critic_update()
        self.actor_update()
        self.sync()

    @property
    def updates(self) -> dict[str, Callable[[], Any]]:
        return {each.__name__: each for each in (self.critic_update, self.actor_update, self.sync)}
