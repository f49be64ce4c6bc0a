"""Graphs and inference tensors stored in modules, and modules without values.

`keeps` leads through modules, their attributes and callable objects. Weights that `weight_norm`
computes in each forward pass are no stored graphs. A module on the meta device has no values.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.agents import ActorCritic, network
from tests.isolation.corpus.case import Example, Expected, Style, Updates


class Remembering(nn.Module):
    """A network that keeps its last output: as an attribute, in a buffer, or in a list."""

    last: Tensor

    def __init__(self, inner: nn.Module, place: str) -> None:
        super().__init__()
        self.inner, self.place = inner, place
        self.outputs: list[Tensor] = []
        self.register_buffer("last", torch.zeros(1), persistent=False)

    def forward(self, states: Tensor) -> Tensor:
        return self.inner(states)

    def keep(self, output: Tensor) -> None:
        if self.place == "buffer":
            self.last = output
        elif self.place == "attribute":
            self.hidden = output
        else:
            self.outputs.append(output)


class Scaler:
    """A callable object that keeps what it was called with."""

    def __init__(self) -> None:
        self.seen: dict[str, Tensor] = {}

    def __call__(self, value: Tensor) -> Tensor:
        self.seen["last"] = value
        return value / 2


class Agent(ActorCritic):
    def __init__(self, place: str) -> None:
        super().__init__()
        self.memory, self.scale = Remembering(network(1, 1), place), Scaler()
        self.wrapped = nn.ModuleDict({"inner": nn.Sequential(self.memory)})

    def critic_update_with(self, keep: Callable[["Agent", Tensor], object]) -> None:
        self.critic_optimizer.zero_grad()
        loss = self.critic_loss()
        loss.backward()
        self.critic_optimizer.step()
        keep(self, loss * 1)


def example(place: str, keep: Callable[[Agent, Tensor], object]) -> Example:
    def build() -> tuple[Contract, Updates]:
        agent = Agent(place)
        contract = agent.contract(
            updates={"critic_update": trains("critic")},
            keeps={"memory": agent.wrapped, "scale": agent.scale},
            restores=[agent.wrapped, agent.scale],
        )
        return contract, {"critic_update": lambda: agent.critic_update_with(keep)}

    return build


def in_memory(agent: Agent, loss: Tensor) -> None:
    agent.memory.keep(loss)


def in_memory_detached(agent: Agent, loss: Tensor) -> None:
    agent.memory.keep(loss.detach())


def in_scale(agent: Agent, loss: Tensor) -> None:
    agent.scale(loss)


def in_scale_detached(agent: Agent, loss: Tensor) -> None:
    agent.scale(loss.detach())


def normalised(norm: Callable[[Any], nn.Module]) -> Example:
    """Keep a network whose weights are computed from others."""

    def build() -> tuple[Contract, Updates]:
        agent = ActorCritic()
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # `weight_norm`
            critic = nn.Sequential(norm(nn.Linear(4, 8)), nn.Tanh(), nn.Linear(8, 1))
        agent.critic, agent.critic_target = critic, network(4, 1)
        agent.critic_optimizer = torch.optim.Adam(critic.parameters())
        contract = agent.contract(
            updates={"critic_update": trains("critic")}, keeps={"critic": critic}
        )
        return contract, {"critic_update": agent.critic_update}

    return build


def with_meta() -> tuple[Contract, Updates]:
    agent = ActorCritic()
    teacher = copy.deepcopy(agent.critic).to("meta")
    contract = agent.contract(updates={"critic_update": trains("critic")}, restores=[teacher])
    modules = {**contract.modules, "teacher": teacher}
    return (
        agent.contract(
            modules=modules, updates={"critic_update": trains("critic")}, restores=[teacher]
        ),
        {"critic_update": agent.critic_update},
    )


class OwnState(nn.Module):
    """A module whose state is no dict of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.count = nn.Linear(1, 1), 0

    def state_dict(self, *_: Any, **__: Any) -> Any:
        return self.count

    def load_state_dict(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


def with_own_state() -> tuple[Contract, Updates]:
    agent = ActorCritic()
    own = OwnState()
    whole = nn.Sequential(own, agent.critic)

    def update() -> None:
        agent.critic_update()
        own.count += 1

    contract = agent.contract(updates={"critic_update": trains("critic")}, restores=[whole])
    return contract, {"critic_update": update}


def stored(name: str) -> tuple[Expected, ...]:
    return (Expected("critic_update", name, "leaked", Grade.NOTHING, "stored"),)


STYLES = {
    f"in_the_{place}": Style(
        "DDPG",
        example(place, in_memory_detached),
        example(place, in_memory),
        stored("memory"),
    )
    for place in ("attribute", "buffer", "list")
} | {
    "in_a_callable": Style(
        "DDPG", example("list", in_scale_detached), example("list", in_scale), stored("scale")
    ),
    "weight_norm": Style(
        "DDPG",
        normalised(torch.nn.utils.weight_norm),
        reason="the next forward pass computes the weight again",
    ),
    "spectral_norm": Style(
        "DDPG", normalised(spectral_norm), reason="the weight is computed when it is read"
    ),
    "meta": Style("DDPG", with_meta, reason="a tensor on the meta device has no values"),
    "own_state": Style("DDPG", with_own_state, reason="the count is put back by its attribute"),
}
