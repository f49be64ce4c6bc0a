"""The exercises: title, public report, contract, answer and the lines of the solution."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ddpg.isolation import Contract, follows, split, trains

BATCH_SIZE = 16
Updates = Mapping[str, Callable[[], object]]


class Replacement(NamedTuple):
    """Lines of an exercise file, and the lines that replace them in the solution."""

    old: str
    new: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        number: 1 to 5.
        title: first line of the file, after the number.
        report: URL of the report that the bug is from.
        setup: agent -> contract of its updates, and the updates.
        answer: explanation of the bug.
        solution: changes to the file; each `old` occurs in it once.
    """

    number: int
    title: str
    report: str
    setup: Callable[[Any], tuple[Contract, Updates]]
    answer: str
    solution: tuple[Replacement, ...]


def _advantage_actor_critic(agent: Any) -> tuple[Contract, Updates]:
    losses = {"actor_loss": trains("actor"), "critic_loss": trains("critic")}
    contract = Contract(
        modules={"actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={"update": trains("actor", "critic", terms=losses)},
    )
    batch = _normal(4), _indices(3), _normal(1)
    return contract, {"update": lambda: agent.update(*batch)}


def _ddpg(agent: Any) -> tuple[Contract, Updates]:
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


def _dqn(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"online": agent.online, "target": agent.target},
        optimizers={"online": agent.optimizer},
        updates={"update": trains("online"), "sync": follows(target="online")},
    )
    batch = _normal(4), _indices(2), _normal(1), _normal(4)
    return contract, {"update": lambda: agent.update(*batch), "sync": agent.sync}


def _shared_encoder(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"encoder": agent.encoder, "actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={"update_critic": trains("critic", "encoder"), "update_actor": trains("actor")},
    )
    image = _normal(64).reshape(BATCH_SIZE, 1, 8, 8)
    value, action, advantage = _normal(1), _indices(3), _normal(1)
    return contract, {
        "update_critic": lambda: agent.update_critic(image, value),
        "update_actor": lambda: agent.update_actor(image, action, advantage),
    }


def _stored_gradients(agent: Any) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"actor": agent.actor, "critic": agent.critic},
        optimizers={"actor": agent.actor_optimizer, "critic": agent.critic_optimizer},
        updates={"update": split(critic=trains("critic"), actor=trains("actor", through="critic"))},
    )
    batch = _normal(3), _normal(1).tanh(), _normal(1)
    return contract, {"update": lambda: agent.update(*batch)}


def _normal(width: int) -> Tensor:
    """Return normal samples `[batch, width]`, the same ones for each width."""
    return torch.randn(BATCH_SIZE, width, generator=torch.Generator().manual_seed(width))


def _indices(count: int) -> Tensor:
    """Return indices below `count`, `[batch, 1]`."""
    return torch.randint(count, (BATCH_SIZE, 1), generator=torch.Generator().manual_seed(count))


EXERCISES: dict[int, Exercise] = {
    each.number: each
    for each in (
        Exercise(
            1,
            "Advantage actor-critic: which network learns from which loss?",
            "https://github.com/astariul/encode-attend-navigate-pytorch/issues/2",
            _advantage_actor_critic,
            "The advantage enters the actor's loss together with its graph, so the actor's loss "
            "also trained the critic, towards advantages that suit the actor. In the actor's loss "
            "the advantage is only a weight: detach it there. The critic's loss needs the graph.",
            (Replacement("log_probability * advantage)", "log_probability * advantage.detach())"),),
        ),
        Exercise(
            2,
            "DDPG: the actor follows a critic that never improves.",
            "https://github.com/Jacklinkk/Graph_CAVs/issues/9",
            _ddpg,
            "The detach was on the wrong side. The backward pass raised no error, since the target "
            "had a graph. It wrote the .grad of the two target networks and left the critic's "
            "None, which the critic's optimizer skips. Detach the target, not the value.",
            (Replacement("mse_loss(target, value.detach())", "mse_loss(value, target.detach())"),),
        ),
        Exercise(
            3,
            "DQN: a target network that should lag behind.",
            "https://github.com/datawhalechina/easy-rl/issues/140",
            _dqn,
            "Module.to changes a module in place and returns it, so both names referred to one "
            "network, and the target moved with every step. A target needs a deepcopy.",
            (
                Replacement("import torch\n", "from copy import deepcopy\n\nimport torch\n"),
                Replacement("target = network.to(", "target = deepcopy(network).to("),
            ),
        ),
        Exercise(
            4,
            "Actor-critic from pixels: the features never change.",
            "https://github.com/SforAiDl/genrl/issues/315",
            _shared_encoder,
            "The encoder got a gradient at every update, but no optimizer held it. The critic's "
            "optimizer has to hold it, since the critic's loss is to train it.",
            (
                Replacement(
                    "        self.critic_optimizer = torch.optim.Adam(self.critic.parameters()",
                    "        trained = [*self.critic.parameters(), *self.encoder.parameters()]\n"
                    "        self.critic_optimizer = torch.optim.Adam(trained",
                ),
                Replacement("        self.encoder.zero_grad()\n", ""),
            ),
        ),
        Exercise(
            5,
            "All gradients first, then all steps.",
            "https://github.com/ray-project/ray/pull/65125",
            _stored_gradients,
            "The stored gradients were the .grad tensors themselves. The actor's backward pass "
            "accumulated into them in place, so the critic's step applied the sum of both losses. "
            "Keep the critic's parameters out of the actor's backward pass: with `inputs`, as "
            "here, or by freezing them, as in the report. Storing clones works too.",
            (
                Replacement(
                    "        (-self.critic(torch.cat([observation, policy], dim=1)).mean())"
                    ".backward()",
                    "        actor_loss = -self.critic(torch.cat([observation, policy], dim=1))"
                    ".mean()\n"
                    "        actor_loss.backward(inputs=list(self.actor.parameters()))",
                ),
            ),
        ),
    )
}
