"""DQN whose target holds plain tensors, so a soft update over `parameters()` moves nothing.

https://github.com/AgileRL/AgileRL/pull/464: "soft update wasn't being applied to target network
after parameter sharing through TensorDict" (jaimesabalbermudez). Detached tensors replaced the
target's parameters, so `zip(online.parameters(), target.parameters())` is empty.
"""

import copy

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="H8",
    mistake_class="H",
    algorithm="DQN",
    url="https://github.com/AgileRL/AgileRL/pull/464",
    expected=(Expected("soft_update", "actor_target", "starved", Grade.NOTHING, "moved"),),
)


def to_module(tensors: dict[str, Tensor], module: nn.Module) -> None:
    """Replace the module's parameters by plain tensors, as a TensorDict does."""
    for name, tensor in tensors.items():
        path, _, leaf = name.rpartition(".")
        owner = module.get_submodule(path)
        delattr(owner, leaf)
        setattr(owner, leaf, tensor)


class DQN:
    def __init__(self) -> None:
        self.actor = q_network()
        self.actor_target = copy.deepcopy(self.actor)
        self.target_params = {
            name: tensor.detach().clone() for name, tensor in self.actor.named_parameters()
        }
        to_module(self.target_params, self.actor_target)
        self.optimizer = torch.optim.RMSprop(self.actor.parameters(), lr=1e-3)

    def learn(self) -> None:
        batch = random_batch()
        with torch.no_grad():
            q_target = self.actor_target(batch.next_states).max(1, keepdim=True).values
        y = batch.rewards + 0.99 * q_target * (1 - batch.terminated)
        loss = nn.functional.mse_loss(self.actor(batch.states).gather(1, batch.choices), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def soft_update_parameters(self) -> None:
        for fast, slow in zip(
            self.actor.parameters(), self.actor_target.parameters(), strict=False
        ):
            slow.data.copy_(0.01 * fast.data + 0.99 * slow.data)

    def soft_update_tensors(self) -> None:
        for name, parameter in self.actor.named_parameters():
            self.target_params[name].lerp_(parameter.detach(), 0.01)


def contract(agent: DQN) -> Contract:
    return Contract(
        modules={"actor": agent.actor, "actor_target": agent.target_params},
        optimizers={"actor": agent.optimizer},
        updates={"learn": trains("actor"), "soft_update": follows(actor_target="actor")},
    )


def broken() -> tuple[Contract, Updates]:
    agent = DQN()
    return contract(agent), {"learn": agent.learn, "soft_update": agent.soft_update_parameters}


def fixed() -> tuple[Contract, Updates]:
    agent = DQN()
    return contract(agent), {"learn": agent.learn, "soft_update": agent.soft_update_tensors}
