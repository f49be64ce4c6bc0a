"""What an audit costs: a dry run of both updates of a [256, 256] DDPG, in bare updates.

Bare update, light audit and full audit take turns, so that a busy machine slows all three.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, audit, trains

BATCH, STATE, ACTION = 256, 17, 6


def network(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers of 256."""
    return nn.Sequential(
        nn.Linear(inputs, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, outputs)
    )


class Agent:
    """DDPG's two updates on one random batch, with Adam."""

    def __init__(self) -> None:
        self.actor, self.critic = network(STATE, ACTION), network(STATE + ACTION, 1)
        self.actor_target = copy.deepcopy(self.actor)
        self.critic_target = copy.deepcopy(self.critic)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters())
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters())
        self.states, self.next_states = torch.randn(BATCH, STATE), torch.randn(BATCH, STATE)
        self.actions, self.rewards = torch.randn(BATCH, ACTION), torch.randn(BATCH, 1)

    def value(self, critic: nn.Module, states: Tensor, actions: Tensor) -> Tensor:
        return critic(torch.cat([states, actions], dim=-1))

    def critic_update(self) -> None:
        with torch.no_grad():
            next_value = self.value(
                self.critic_target, self.next_states, self.actor_target(self.next_states).tanh()
            )
        error = self.value(self.critic, self.states, self.actions) - self.rewards - next_value
        self.critic_optimizer.zero_grad()
        error.square().mean().backward()
        self.critic_optimizer.step()

    def actor_update(self) -> None:
        self.actor_optimizer.zero_grad()
        (-self.value(self.critic, self.states, self.actor(self.states).tanh()).mean()).backward()
        self.actor_optimizer.step()

    def contract(self, leaky: bool) -> Contract:
        return Contract(
            modules={
                "actor": self.actor,
                "critic": self.critic,
                "actor_target": self.actor_target,
                "critic_target": self.critic_target,
            },
            optimizers={"actor": self.actor_optimizer, "critic": self.critic_optimizer},
            updates={
                "critic_update": trains("critic"),
                "actor_update": trains("actor", through=() if leaky else "critic"),
            },
        )


def main() -> None:
    """Print the median of each, and its ratio to the bare update."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100, help="rounds of turns (default: 100)")
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    agent = Agent()
    updates = {"critic_update": agent.critic_update, "actor_update": agent.actor_update}
    kept, leaky = agent.contract(leaky=False), agent.contract(leaky=True)

    def bare() -> None:
        agent.critic_update()
        agent.actor_update()

    turns: dict[str, Callable[[], object]] = {
        "bare update": bare,
        "light, one round": lambda: audit(kept, updates, level="light", rounds=1),
        "full, one round": lambda: audit(kept, updates, rounds=1),
        "full, two rounds": lambda: audit(kept, updates),
        "full, two rounds, with a leak": lambda: audit(leaky, updates),
    }
    times: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(repeats):
        for name, turn in turns.items():
            start = time.perf_counter()
            turn()
            times[name].append(time.perf_counter() - start)
    base = statistics.median(times["bare update"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<30} {1e3 * median:8.2f} ms {median / base:6.2f} bare updates")


if __name__ == "__main__":
    main()
