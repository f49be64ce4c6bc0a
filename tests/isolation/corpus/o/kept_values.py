"""Values that an agent keeps between updates: graphs, counters, batches, compiled code.

An audit leaves all of them as they were, or the next training step differs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.agents import ActorCritic
from tests.isolation.corpus.case import Example, Expected, Style, Updates


@dataclass
class Schedule:
    runs: int = 0
    losses: list[list[float]] = field(default_factory=lambda: [[], []])


class Tempered(ActorCritic):
    """An actor whose loss has a temperature, computed once per update and kept with its graph."""

    def __init__(self, temperature: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.temperature = temperature
        self.log_alpha = nn.Parameter(torch.tensor(0.3))
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=0.1)
        self.alpha = temperature(self.log_alpha)
        self.schedule = Schedule()

    def alpha_update(self, *, detached: bool = True) -> None:
        entropy = self.actor(self.states).square().mean()
        self.alpha_optimizer.zero_grad()
        loss = self.alpha * (entropy.detach() if detached else entropy)
        loss.backward()
        self.alpha_optimizer.step()
        self.alpha = self.temperature(self.log_alpha)
        self.schedule.runs += 1
        self.schedule.losses[self.schedule.runs % 2].append(loss.item())


def tempered(temperature: Callable[[Tensor], Tensor], *, detached: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Tempered(temperature)
        contract = Contract(
            modules={"actor": agent.actor, "alpha": agent.log_alpha},
            optimizers={"alpha": agent.alpha_optimizer},
            updates={"alpha_update": trains("alpha")},
            restores=[agent],
        )
        return contract, {"alpha_update": partial(agent.alpha_update, detached=detached)}

    return build


class Batched(ActorCritic):
    """A critic trained on an iterator of batches, which the audit uses up."""

    def __init__(self, batches: Callable[[list[Tensor]], Iterator[Tensor]], count: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.batches = batches([torch.randn(16, 3, generator=generator) for _ in range(count)])

    def train(self, *, detached: bool) -> None:
        self.next_states = next(self.batches)
        with torch.set_grad_enabled(not detached):
            value = self.value(self.critic_target, self.next_states, self.actions)
        self.critic_optimizer.zero_grad()
        difference = self.value(self.critic, self.states, self.actions) - self.rewards - value
        difference.square().mean().backward()
        self.critic_optimizer.step()


def batched(
    batches: Callable[[list[Tensor]], Iterator[Tensor]], *, detached: bool, count: int
) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Batched(batches, count)
        contract = agent.contract(updates={"critic_update": trains("critic")})
        return contract, {"critic_update": partial(agent.train, detached=detached)}

    return build


def generated(batches: list[Tensor]) -> Iterator[Tensor]:
    yield from batches


class Compiled(ActorCritic):
    """An agent with compiled networks or losses. Nothing is compiled before the audit."""

    def __init__(self, compiled: str) -> None:
        super().__init__()
        torch._dynamo.reset()
        if compiled == "networks":
            self.run_critic: Any = torch.compile(self.critic, backend="aot_eager")
        else:
            self.run_critic = self.critic
        if compiled == "loss":
            self.loss: Any = torch.compile(self.squared_error, backend="aot_eager")
        else:
            self.loss = self.squared_error

    def squared_error(self, detached: bool) -> Tensor:
        with torch.set_grad_enabled(not detached):
            actions = self.actor_target(self.next_states)
            target = self.rewards + self.value(self.critic_target, self.next_states, actions)
        return (self.value(self.run_critic, self.states, self.actions) - target).square().mean()

    def train(self, *, detached: bool) -> None:
        self.critic_optimizer.zero_grad()
        self.loss(detached).backward()
        self.critic_optimizer.step()


def compiled(what: str, *, detached: bool) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Compiled(what)
        contract = agent.contract(updates={"critic_update": trains("critic")})
        return contract, {"critic_update": partial(agent.train, detached=detached)}

    return build


def leaks(*modules: str) -> tuple[Expected, ...]:
    return tuple(
        Expected("critic_update", module, "leaked", Grade.NONZERO, "written") for module in modules
    )


STYLES = (
    {
        f"graph_of_{temperature.__name__}": Style(
            "SAC",
            tempered(temperature, detached=True),
            tempered(temperature, detached=False),
            (Expected("alpha_update", "actor", "leaked", Grade.NONZERO, "written"),),
        )
        for temperature in (torch.exp, torch.square, nn.functional.softplus)
    }
    | {
        f"batches_of_{name}": Style(
            "DDPG",
            batched(kind, detached=True, count=9),
            batched(kind, detached=False, count=2),
            leaks("critic_target"),
        )
        for name, kind in (("a_list", iter), ("a_generator", generated))
    }
    | {
        f"compiled_{what}": Style(
            "DDPG",
            compiled(what, detached=True),
            compiled(what, detached=False),
            leaks("actor_target", "critic_target"),
        )
        for what in ("networks", "loss")
    }
)
