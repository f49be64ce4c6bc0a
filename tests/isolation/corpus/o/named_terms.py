"""Loss terms in different styles: added in place, twice under one name, or a parameter itself.

Broken: the actor's term reaches the critic, and one optimizer applies the gradient of the sum.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, nothing, term, trains
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

Add = Callable[[Tensor, Tensor], Tensor]


def in_place(actor_loss: Tensor, critic_loss: Tensor) -> Tensor:
    loss = term("actor_loss", actor_loss)
    loss += term("critic_loss", critic_loss)
    return loss


def starting_with_the_critic(actor_loss: Tensor, critic_loss: Tensor) -> Tensor:
    loss = term("critic_loss", critic_loss)
    loss += 0.5 * term("actor_loss", actor_loss)
    return loss


def twice(actor_loss: Tensor, critic_loss: Tensor) -> Tensor:
    terms = [term("actor_loss", actor_loss), term("critic_loss", critic_loss)]
    terms.append(term("actor_loss", 1e-3 * actor_loss.detach().requires_grad_()))
    return torch.stack(terms).sum()


def example(add: Add, *, frozen: bool) -> tuple[Contract, Updates]:
    actor, critic = actor_network(), Critic()
    optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters()])
    batch = random_batch()

    def update() -> None:
        optimizer.zero_grad()
        critic.requires_grad_(not frozen)
        actor_loss = -critic(batch.states, actor(batch.states)).mean()
        critic.requires_grad_(True)
        critic_loss = (critic(batch.states, batch.actions) - batch.rewards).square().mean()
        add(actor_loss, critic_loss).backward()
        optimizer.step()

    terms = {"actor_loss": trains("actor", through="critic"), "critic_loss": trains("critic")}
    contract = Contract(
        modules={"actor": actor, "critic": critic},
        optimizers={"optimizer": optimizer},
        updates={"update": trains("actor", "critic", terms=terms)},
    )
    return contract, {"update": update}


def parameter(*, detached: bool) -> tuple[Contract, Updates]:
    """Name a parameter as a term that trains it, or its detached value."""
    weight = nn.Parameter(torch.ones(()))
    other = nn.Parameter(torch.ones(()))
    optimizer = torch.optim.SGD([weight, other], lr=0.1)

    def update() -> None:
        optimizer.zero_grad()
        bonus = term("bonus", weight.detach().clone() if detached else weight)
        (bonus + 0.1 * weight + term("rest", other * other)).backward()
        optimizer.step()

    contract = Contract(
        modules={"weight": weight, "other": other},
        optimizers={"optimizer": optimizer},
        updates={
            "update": trains(
                "weight", "other", terms={"bonus": trains("weight"), "rest": trains("other")}
            )
        },
    )
    return contract, {"update": update}


def bootstrap(*, detached: bool) -> tuple[Contract, Updates]:
    """Name a tensor inside of the loss."""
    critic = Critic()
    optimizer = torch.optim.Adam(critic.parameters())
    batch = random_batch()

    def update() -> None:
        optimizer.zero_grad()
        value = critic(batch.next_states, batch.actions)
        target = term("bootstrap", value.detach() if detached else value)
        (critic(batch.states, batch.actions) - batch.rewards - target).square().mean().backward()
        optimizer.step()

    contract = Contract(
        modules={"critic": critic},
        optimizers={"optimizer": optimizer},
        updates={"update": trains("critic", terms={"bootstrap": nothing()})},
    )
    return contract, {"update": update}


LEAK = (Expected("update", "critic", "leaked", Grade.MOVED, "moved", loss="actor_loss"),)
STYLES = {
    add.__name__: Style(
        "actor-critic",
        partial(example, add, frozen=True),
        partial(example, add, frozen=False),
        LEAK,
    )
    for add in (in_place, starting_with_the_critic, twice)
} | {
    "parameter": Style(
        "SAC",
        partial(parameter, detached=False),
        partial(parameter, detached=True),
        (Expected("update", "weight", "starved", Grade.NOTHING, "reached", loss="bonus"),),
    ),
    "bootstrap": Style(
        "DQN",
        partial(bootstrap, detached=True),
        partial(bootstrap, detached=False),
        (Expected("update", "critic", "leaked", Grade.MOVED, "moved", loss="bootstrap"),),
    ),
}
