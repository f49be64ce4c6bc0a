"""Parts that are replaced, `backward(inputs=...)`, names with slashes, and stored objects.

Each style is clean as written, and has one mistake in the broken example.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, moves, nothing, split, trains
from tests.isolation.agents import ActorCritic, network
from tests.isolation.corpus.case import Expected, Style, Updates


def part_replaced(*, all_held: bool) -> tuple[Contract, Updates]:
    """Replace the last layer, which is named apart, and build the optimizer."""
    agent = ActorCritic()

    def reset() -> None:
        agent.critic[2] = nn.Linear(8, 1)
        held = agent.critic if all_held else agent.critic[0]
        agent.critic_optimizer = torch.optim.Adam(held.parameters(), lr=1e-2)

    contract = Contract(
        modules={"critic": lambda: agent.critic, "head": lambda: agent.critic[2]},
        optimizers={"critic": lambda: agent.critic_optimizer},
        updates={"critic_update": trains("critic", "head"), "reset": moves("head")},
        restores=[agent],
    )
    return contract, {"critic_update": agent.critic_update, "reset": reset}


def inputs_of_twins(*, both: bool) -> tuple[Contract, Updates]:
    """Run one backward pass for two critics, with the parameters of both or of one as inputs."""
    agent = ActorCritic()
    critics = {"first": network(4, 1), "second": network(4, 1)}
    parameters = {name: list(each.parameters()) for name, each in critics.items()}
    optimizer = torch.optim.Adam([*parameters["first"], *parameters["second"]])

    def update() -> None:
        values = [agent.value(each, agent.states, agent.actions) for each in critics.values()]
        loss = torch.stack([(each - agent.rewards).square().mean() for each in values]).sum()
        optimizer.zero_grad()
        names = ("first", "second") if both else ("first",)
        loss.backward(inputs=[each for name in names for each in parameters[name]])
        optimizer.step()

    contract = Contract(
        modules=critics,
        optimizers={"critics": optimizer},
        updates={"update": trains("first", "second")},
    )
    return contract, {"update": update}


def slashes(*, detached: bool) -> tuple[Contract, Updates]:
    agent = ActorCritic()
    agent.critic.eval()

    def train() -> None:
        agent.critic_update()
        agent.actor_optimizer.zero_grad()
        action = agent.actor(agent.states)
        action = action.detach() if detached else action
        agent.value(agent.critic, agent.states, action).mean().backward()
        agent.actor_optimizer.step()

    parts = {
        "optimizer/critic": trains("net/critic", eval_mode="net/critic"),
        "optimizer/actor": trains("net/actor", through="net/critic"),
    }
    contract = Contract(
        modules={"net/actor": agent.actor, "net/critic": agent.critic},
        optimizers={
            "optimizer/critic": agent.critic_optimizer,
            "optimizer/actor": agent.actor_optimizer,
        },
        updates={"train/all": split(**parts)},
    )
    return contract, {"train/all": train}


def stored_anew(*, with_graph: bool) -> tuple[Contract, Updates]:
    """Replace a tensor that was stored with its graph before the audit began."""
    agent = ActorCritic()
    memory: list[Tensor] = [agent.actor(agent.states)]

    def act() -> None:
        action = agent.actor(agent.states)
        if with_graph:
            memory[0] = action

    contract = agent.contract(keeps={"memory": memory}, updates={"acting": nothing()})
    if not with_graph:
        memory[0] = memory[0].detach()
    return contract, {"acting": act}


def frozen_in_between(*, back: bool) -> tuple[Contract, Updates]:
    """Freeze the critic in the actor's update, and thaw it in its own (Dreamer)."""
    agent = ActorCritic()

    def critic_update() -> None:
        if back:
            agent.critic.requires_grad_(True)
        agent.critic_update()

    def actor_update() -> None:
        agent.critic.requires_grad_(False)
        agent.actor_update()

    updates: dict[str, Any] = {
        "critic_update": trains("critic"),
        "actor_update": trains("actor", frozen="critic"),
    }
    contract = agent.contract(updates=updates)
    return contract, {"critic_update": critic_update, "actor_update": actor_update}


def scaled(*, infinite: int) -> tuple[Contract, Updates]:
    """Leave out the step while the scaled gradients of the critic are infinite."""
    agent: Any = ActorCritic()
    agent.runs = 0
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def train() -> None:
        agent.runs += 1
        agent.critic_optimizer.zero_grad()
        loss = agent.critic_loss() * (float("inf") if agent.runs <= infinite else 1.0)
        scaler.scale(loss).backward()
        scaler.unscale_(agent.critic_optimizer)
        nn.utils.clip_grad_norm_(agent.critic.parameters(), 1.0)
        scaler.step(agent.critic_optimizer)
        agent.actor_optimizer.zero_grad()
        scaler.scale(agent.actor_loss()).backward()
        scaler.step(agent.actor_optimizer)
        scaler.update()

    parts = split(critic=trains("critic"), actor=trains("actor", through="critic"))
    return agent.contract(updates={"train": parts}, restores=[agent, scaler]), {"train": train}


STYLES = {
    "part_replaced": Style(
        "resets",
        partial(part_replaced, all_held=True),
        partial(part_replaced, all_held=False),
        (
            Expected("reset", "head", "starved", Grade.MOVED, "membership"),
            Expected("critic_update", "head", "starved", Grade.NONZERO, "membership"),
        ),
    ),
    "inputs_of_twins": Style(
        "twin critics",
        partial(inputs_of_twins, both=True),
        partial(inputs_of_twins, both=False),
        (Expected("update", "second", "starved", Grade.NOTHING, "reached"),),
    ),
    "slashes": Style(
        "DDPG",
        partial(slashes, detached=False),
        partial(slashes, detached=True),
        (Expected("train/all/optimizer/actor", "net/actor", "starved", Grade.NOTHING, "reached"),),
    ),
    "stored_anew": Style(
        "replay",
        partial(stored_anew, with_graph=False),
        partial(stored_anew, with_graph=True),
        (
            Expected("setup", "memory", "leaked", Grade.NOTHING, "stored"),
            Expected("acting", "memory", "leaked", Grade.NOTHING, "stored"),
        ),
    ),
    "frozen_in_between": Style(
        "Dreamer",
        partial(frozen_in_between, back=True),
        partial(frozen_in_between, back=False),
        (
            Expected("actor_update", "critic", "leaked", Grade.NOTHING, "modes"),
            Expected("critic_update", "critic", "starved", Grade.NOTHING, "reached"),
        ),
    ),
    "grad_scaler": Style(
        "mixed precision",
        partial(scaled, infinite=2),
        partial(scaled, infinite=1000),
        (Expected("train/critic", "critic", "starved", Grade.NONZERO, "moved"),),
    ),
}
