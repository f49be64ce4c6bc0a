"""The exercises: what each one promises, the report that it was taken from, and the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ddpg.isolation import Contract, follows, split, trains

BATCH = 16
Updates = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        number: 1 to 5.
        title: its first line.
        report: where it happened.
        promise: agent → what its updates may do, and the updates.
        answer: what was wrong, in a few sentences.
    """

    number: int
    title: str
    report: str
    promise: Callable[[Any], tuple[Contract, Updates]]
    answer: str


def _advantage(agent: Any) -> tuple[Contract, Updates]:
    losses = {"actor_loss": trains("actor"), "critic_loss": trains("critic")}
    contract = Contract(
        modules={"actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={"update": trains("actor", "critic", terms=losses)},
    )
    batch = _normal(4), _choice(3), _normal(1)
    return contract, {"update": lambda: agent.update(*batch)}


def _following(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={
            "actor": agent.actor,
            "critic": agent.critic,
            "actor_target": agent.actor_target,
            "critic_target": agent.critic_target,
        },
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={
            "update_critic": trains("critic"),
            "update_actor": trains("actor", through="critic"),
        },
    )
    batch = _normal(3), _normal(1).tanh(), _normal(1), _normal(3)
    return contract, {
        "update_critic": lambda: agent.update_critic(*batch),
        "update_actor": lambda: agent.update_actor(batch[0]),
    }


def _lagging(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"online": agent.online, "target": agent.target},
        optimizers={"online": agent.optimizer},
        updates={"update": trains("online"), "sync": follows(target="online")},
    )
    batch = _normal(4), _choice(2), _normal(1), _normal(4)
    return contract, {"update": lambda: agent.update(*batch), "sync": agent.sync}


def _seeing(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"encoder": agent.encoder, "actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={"update_critic": trains("critic", "encoder"), "update_actor": trains("actor")},
    )
    image = _normal(64).reshape(BATCH, 1, 8, 8)
    value, action, advantage = _normal(1), _choice(3), _normal(1)
    return contract, {
        "update_critic": lambda: agent.update_critic(image, value),
        "update_actor": lambda: agent.update_actor(image, action, advantage),
    }


def _collecting(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={"update": split(critic=trains("critic"), actor=trains("actor", through="critic"))},
    )
    batch = _normal(3), _normal(1).tanh(), _normal(1)
    return contract, {"update": lambda: agent.update(*batch)}


def _normal(width: int) -> Tensor:
    """[batch, width], the same numbers for one width."""
    return torch.randn(BATCH, width, generator=torch.Generator().manual_seed(width))


def _choice(count: int) -> Tensor:
    """[batch, 1], which of count."""
    return torch.randint(count, (BATCH, 1), generator=torch.Generator().manual_seed(count))


EXERCISES: dict[int, Exercise] = {
    each.number: each
    for each in (
        Exercise(
            1,
            "Advantage actor-critic: who learns from whose loss?",
            "https://github.com/astariul/encode-attend-navigate-pytorch/issues/2",
            _advantage,
            "The advantage enters the actor's loss with its history, so the actor's loss trained "
            "the critic too: towards advantages that suit the actor. It is a weight there, and has "
            "to be detached; the critic's own loss keeps the history.",
        ),
        Exercise(
            2,
            "DDPG: the actor follows a critic that never improves.",
            "https://github.com/Jacklinkk/Graph_CAVs/issues/9",
            _following,
            "The detach stood on the wrong side. The backward pass raised nothing, since the "
            "target had a graph: it filled the .grad of the two target networks, and the critic "
            "got None, which its optimizer skips. Detach the target, not the value.",
        ),
        Exercise(
            3,
            "DQN: the target network that is said to lag behind.",
            "https://github.com/datawhalechina/easy-rl/issues/140",
            _lagging,
            "Module.to changes a module in place and returns it, so both names stood for one "
            "network, and the target moved with every step. A target needs a deepcopy.",
        ),
        Exercise(
            4,
            "Actor-critic from pixels: the features stay what they were on day one.",
            "https://github.com/SforAiDl/genrl/issues/315",
            _seeing,
            "The encoder got its gradient at every update, and was in no optimizer. The critic's "
            "optimizer has to hold it, as the critic's loss is what trains it.",
        ),
        Exercise(
            5,
            "All gradients first, then all steps.",
            "https://github.com/ray-project/ray/pull/65125",
            _collecting,
            "What was put aside were the very tensors in .grad, and the actor's backward pass "
            "accumulated into them, in place: the critic's step applied the sum of both losses. "
            "Keep the critic's parameters out of the actor's pass: by inputs, as here, or by "
            "freezing them, as in the report; or put clones aside.",
        ),
    )
}
