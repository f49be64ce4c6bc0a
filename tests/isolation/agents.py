"""A small actor-critic in plain torch, correct as written; tests break it on purpose."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, follows, nothing, trains

Updates = dict[str, Callable[[], Any]]


def network(inputs: int, outputs: int, *between: nn.Module) -> nn.Sequential:
    """Two layers of eight units."""
    return nn.Sequential(nn.Linear(inputs, 8), *between, nn.Tanh(), nn.Linear(8, outputs))


class ActorCritic:
    """DDPG's two updates and its sync, on one fixed batch."""

    def __init__(self, optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.actor, self.critic = network(3, 1), network(4, 1)
            self.actor_target = copy.deepcopy(self.actor)
            self.critic_target = copy.deepcopy(self.critic)
            self.states, self.next_states = torch.randn(16, 3), torch.randn(16, 3)
            self.actions, self.rewards = torch.randn(16, 1), torch.randn(16, 1)
        self.actor_optimizer = optimizer(self.actor.parameters(), lr=1e-2)
        self.critic_optimizer = optimizer(self.critic.parameters(), lr=1e-2)

    def value(self, critic: nn.Module, states: Tensor, actions: Tensor) -> Tensor:
        return critic(torch.cat([states, actions], dim=-1))

    def critic_loss(self) -> Tensor:
        with torch.no_grad():
            next_actions = self.actor_target(self.next_states)
            target = self.rewards + 0.9 * self.value(
                self.critic_target, self.next_states, next_actions
            )
        return (self.value(self.critic, self.states, self.actions) - target).square().mean()

    def actor_loss(self) -> Tensor:
        return -self.value(self.critic, self.states, self.actor(self.states)).mean()

    def critic_update(self) -> None:
        self.critic_optimizer.zero_grad()
        self.critic_loss().backward()
        self.critic_optimizer.step()

    def actor_update(self) -> None:
        self.actor_optimizer.zero_grad()
        self.actor_loss().backward()
        self.actor_optimizer.step()

    def sync(self) -> None:
        pairs = ((self.actor_target, self.actor), (self.critic_target, self.critic))
        with torch.no_grad():
            for target, online in pairs:
                for one, other in zip(target.parameters(), online.parameters(), strict=True):
                    one.lerp_(other, 0.01)

    def act(self) -> Tensor:
        with torch.no_grad():
            return self.actor(self.states)

    def contract(self, **changes: Any) -> Contract:
        declared: dict[str, Any] = {
            "modules": {
                "actor": self.actor,
                "critic": self.critic,
                "actor_target": self.actor_target,
                "critic_target": self.critic_target,
            },
            "optimizers": {"actor": self.actor_optimizer, "critic": self.critic_optimizer},
            "updates": {
                "critic_update": trains("critic"),
                "actor_update": trains("actor", through="critic"),
                "sync": follows(actor_target="actor", critic_target="critic"),
                "acting": nothing(),
            },
        }
        return Contract(**{**declared, **changes})

    def updates(self) -> Updates:
        return {
            "critic_update": self.critic_update,
            "actor_update": self.actor_update,
            "sync": self.sync,
            "acting": self.act,
        }
