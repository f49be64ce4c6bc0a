"""TD3 whose `load` restores actor and critic, but leaves the targets as initialised.

https://github.com/sfujim/TD3/issues/20: "while loading, the actor and critic network are loaded.
However, the target actor and target critic network are copied from the random initialization"
(timkoning17). Further training then undoes the loaded weights.
"""

import copy

import torch

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch

CASE = Case(
    identifier="I11",
    mistake_class="I",
    algorithm="TD3",
    url="https://github.com/sfujim/TD3/issues/20",
    expected=(
        Expected("setup", "actor_target", "starved", Grade.NOTHING, "moved"),
        Expected("setup", "critic_target", "starved", Grade.NOTHING, "moved"),
    ),
)


class TD3:
    def __init__(self, seed: int) -> None:
        self.actor = actor_network(seed)
        self.actor_target = copy.deepcopy(self.actor)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=3e-4)
        self.critic = Critic(seed + 1)
        self.critic_target = copy.deepcopy(self.critic)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=3e-4)

    def load(self, saved: "TD3") -> None:
        self.critic.load_state_dict(saved.critic.state_dict())
        self.critic_optimizer.load_state_dict(saved.critic_optimizer.state_dict())
        self.actor.load_state_dict(saved.actor.state_dict())
        self.actor_optimizer.load_state_dict(saved.actor_optimizer.state_dict())

    def train_critic(self) -> None:
        batch = random_batch()
        with torch.no_grad():
            noise = torch.full_like(batch.actions, 0.1)
            next_actions = (self.actor_target(batch.next_states) + noise).clamp(-1, 1)
            target_q = self.critic_target(batch.next_states, next_actions)
            target_q = batch.rewards + (1 - batch.terminated) * 0.99 * target_q
        loss = torch.nn.functional.mse_loss(self.critic(batch.states, batch.actions), target_q)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()

    def train_actor(self) -> None:
        states = random_batch().states
        actor_loss = -self.critic(states, self.actor(states)).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

    def sync(self) -> None:
        polyak(self.critic_target, self.critic, tau=0.005)
        polyak(self.actor_target, self.actor, tau=0.005)


def contract_and_updates(agent: TD3) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={
            "actor": agent.actor,
            "actor_target": agent.actor_target,
            "critic": agent.critic,
            "critic_target": agent.critic_target,
        },
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={
            "critic_update": trains("critic"),
            "actor_update": trains("actor", through="critic"),
            "sync": follows(actor_target="actor", critic_target="critic"),
        },
        equal_at_start={"actor_target": "actor", "critic_target": "critic"},
    )
    return contract, {
        "critic_update": agent.train_critic,
        "actor_update": agent.train_actor,
        "sync": agent.sync,
    }


def loaded() -> TD3:
    agent = TD3(seed=30)
    agent.load(TD3(seed=10))
    return agent


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(loaded())


def fixed() -> tuple[Contract, Updates]:
    agent = loaded()
    agent.critic_target.load_state_dict(agent.critic.state_dict())
    agent.actor_target.load_state_dict(agent.actor.state_dict())
    return contract_and_updates(agent)
