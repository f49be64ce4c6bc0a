"""MADDPG: several agents in one call, with all backward passes before all steps, or other orders.

Clean: each pass belongs to the step that applies its gradients, although each actor's loss goes
through its critic. Broken: the step of an actor is left out, or the targets have a graph.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, Permission, follows, split, trains
from ddpg.isolation.results import Kind
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import ACTION, STATE, actor_network, mlp, polyak, random_batch

Order = Callable[["Agents"], None]


class Agents:
    """Agents whose critics see the actions of all."""

    def __init__(self, count: int, mistake: str = "") -> None:
        self.actors = [actor_network(seed) for seed in range(count)]
        width = STATE + count * ACTION
        self.critics = [mlp(width, 8, 1, seed=10 + seed) for seed in range(count)]
        self.targets = [mlp(width, 8, 1, seed=20 + seed) for seed in range(count)]
        self.actor_optimizers = [torch.optim.Adam(each.parameters()) for each in self.actors]
        self.critic_optimizers = [torch.optim.Adam(each.parameters()) for each in self.critics]
        self.batch = random_batch()
        self.mistake = mistake
        self.indices = range(count)

    def value(self, critic: nn.Module, agent: int, action: Tensor) -> Tensor:
        actions = [self.batch.actions for _ in self.indices]
        actions[agent] = action
        return critic(torch.cat([self.batch.states, *actions], dim=-1))

    def critic_loss(self, agent: int) -> Tensor:
        next_action = self.actors[agent](self.batch.next_states).detach()
        with torch.no_grad() if self.mistake != "target with graph" else torch.enable_grad():
            target = self.value(self.targets[agent], agent, next_action)
        return (self.value(self.critics[agent], agent, self.batch.actions) - target).square().mean()

    def actor_loss(self, agent: int) -> Tensor:
        action = self.actors[agent](self.batch.states)
        return -self.value(self.critics[agent], agent, action).mean()

    def clear(self) -> None:
        for optimizer in (*self.actor_optimizers, *self.critic_optimizers):
            optimizer.zero_grad()

    def step(self, optimizers: list[torch.optim.Adam]) -> None:
        for optimizer in optimizers:
            left_out = self.mistake == "no step" and optimizer is self.actor_optimizers[1]
            if not left_out:
                optimizer.step()


def actors_after_critics(agents: Agents) -> None:
    agents.clear()
    for agent in agents.indices:
        agents.critic_loss(agent).backward()
    agents.step(agents.critic_optimizers)
    agents.clear()
    for agent in agents.indices:
        agents.actor_loss(agent).backward()
    agents.step(agents.actor_optimizers)


def one_agent_after_another(agents: Agents) -> None:
    for agent in agents.indices:
        agents.clear()
        agents.critic_loss(agent).backward()
        agents.step([agents.critic_optimizers[agent]])
        agents.actor_optimizers[agent].zero_grad()
        agents.actor_loss(agent).backward()
        agents.step([agents.actor_optimizers[agent]])


def all_steps_last(agents: Agents) -> None:
    agents.clear()
    for agent in agents.indices:
        parameters = list(agents.actors[agent].parameters())
        agents.actor_loss(agent).backward(inputs=parameters)
        agents.critic_loss(agent).backward()
    agents.step([*agents.actor_optimizers, *agents.critic_optimizers])


def losses_of_critics_summed(agents: Agents) -> None:
    agents.clear()
    torch.stack([agents.critic_loss(agent) for agent in agents.indices]).sum().backward()
    agents.step(agents.critic_optimizers)
    for agent in reversed(agents.indices):
        agents.actor_optimizers[agent].zero_grad()
        agents.actor_loss(agent).backward()
    agents.step(agents.actor_optimizers)


def example(order: Order, count: int, mistake: str = "") -> tuple[Contract, Updates]:
    agents = Agents(count, mistake)

    def train() -> None:
        order(agents)
        for target, critic in zip(agents.targets, agents.critics, strict=True):
            polyak(target, critic)

    modules: dict[str, nn.Module] = {}
    optimizers: dict[str, torch.optim.Optimizer] = {}
    parts: dict[str, Permission] = {}
    for agent in agents.indices:
        actor, critic, target = f"actor_{agent}", f"critic_{agent}", f"target_{agent}"
        modules |= {actor: agents.actors[agent], critic: agents.critics[agent]}
        modules[target] = agents.targets[agent]
        optimizers |= {
            actor: agents.actor_optimizers[agent],
            critic: agents.critic_optimizers[agent],
        }
        parts |= {critic: trains(critic), actor: trains(actor, through=critic)}
    names = {f"target_{agent}": f"critic_{agent}" for agent in agents.indices}
    contract = Contract(
        modules=modules,
        optimizers=optimizers,
        updates={"train": split(**parts, rest=follows(**names))},
    )
    return contract, {"train": train}


def in_lists(order: Order, mistake: str = "") -> tuple[Contract, Updates]:
    agents = Agents(2, mistake)
    parts: dict[str, Permission] = {}
    optimizers: dict[str, torch.optim.Optimizer] = {}
    for agent in agents.indices:
        actor, critic = f"actor_{agent}", f"critic_{agent}"
        optimizers[actor] = agents.actor_optimizers[agent]
        optimizers[critic] = agents.critic_optimizers[agent]
        parts |= {critic: trains("critics"), actor: trains("actors", through="critics")}
    modules = {
        "actors": agents.actors,
        "critics": dict(enumerate(agents.critics)),
        "targets": agents.targets,
    }
    contract = Contract(modules=modules, optimizers=optimizers, updates={"train": split(**parts)})
    return contract, {"train": partial(order, agents)}


def expected(
    kind: Kind, grade: Grade, module: str = "actor_1", row: str = "train/actor_1"
) -> tuple[Expected, ...]:
    return (Expected(row, module, "starved", grade, kind),)


STYLES = {
    f"{order.__name__}_{count}": Style(
        "MADDPG",
        partial(example, order, count),
        partial(example, order, count, "no step"),
        findings,
    )
    for order, count, findings in (
        (actors_after_critics, 2, expected("moved", Grade.NONZERO)),
        (one_agent_after_another, 3, expected("written", Grade.NOTHING)),
        (all_steps_last, 2, expected("moved", Grade.NONZERO)),
        (losses_of_critics_summed, 2, expected("moved", Grade.NONZERO)),
    )
} | {
    "in_lists": Style(
        "MADDPG",
        partial(in_lists, actors_after_critics),
        partial(in_lists, actors_after_critics, "no step"),
        expected("moved", Grade.NONZERO, "actors"),
    ),
    "targets_with_graph": Style(
        "MADDPG",
        partial(example, one_agent_after_another, 2),
        partial(example, one_agent_after_another, 2, "target with graph"),
        tuple(
            Expected(f"train/critic_{agent}", f"target_{agent}", "leaked", Grade.NONZERO, "written")
            for agent in (0, 1)
        ),
    ),
}
