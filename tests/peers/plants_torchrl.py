"""Small TorchRL loops, and context managers that plant leaks in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import torch
from tensordict import TensorDict
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torchrl.modules import (
    MLP,
    NormalParamExtractor,
    ProbabilisticActor,
    TanhNormal,
    ValueOperator,
)
from torchrl.objectives import DDPGLoss, SACLoss, TD3Loss
from torchrl.objectives.utils import SoftUpdate

from ddpg.isolation import Contract, term, trains
from ddpg.isolation.contracts.torchrl import (
    contract,
    losses,
    modules,
)

Loss = Any  # DDPGLoss, TD3Loss or SACLoss; no common type has all attributes that the leaks need
LOSSES = [DDPGLoss, TD3Loss, SACLoss]
DETACHED = {  # attribute with the detached critic parameters of the actor loss
    DDPGLoss: "_cached_detached_value_params",
    TD3Loss: "_cached_detach_qvalue_network_params",
    SACLoss: "_cached_detached_qvalue_params",
}


class Value(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        return self.net(torch.cat([observation, action], dim=-1))


@dataclass
class Loop:
    """Loss module with the optimizers and the target updater of its training loop."""

    loss: Loss
    optimizers: dict[str, Optimizer]
    updater: SoftUpdate
    value_network: ValueOperator

    @property
    def critic(self) -> nn.Module:
        critic = modules(self.loss)["critic"]
        assert isinstance(critic, nn.Module)
        return critic


def build_loop(kind: Any = DDPGLoss) -> Loop:
    torch.manual_seed(0)
    value = ValueOperator(Value(), in_keys=["observation", "action"])
    body = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 4 if kind is SACLoss else 2))
    if kind is SACLoss:
        body.append(NormalParamExtractor())
        actor = ProbabilisticActor(
            TensorDictModule(body, ["observation"], ["loc", "scale"]),
            in_keys=["loc", "scale"],
            distribution_class=TanhNormal,
            return_log_prob=True,
        )
        loss = SACLoss(actor, value, target_entropy=-2.0)
    else:
        actor = TensorDictModule(body.append(nn.Tanh()), ["observation"], ["action"])
        if kind is TD3Loss:
            bounds: Any = (-1.0, 1.0)  # TD3Loss annotates it as one number
            loss = TD3Loss(actor, value, bounds=bounds)
        else:
            loss = DDPGLoss(actor, value, delay_actor=True)
    updater = SoftUpdate(loss, tau=0.1)
    loss.make_value_estimator(gamma=0.99)
    optimizers: dict[str, Optimizer] = {
        name: Adam([module] if isinstance(module, Tensor) else module.parameters(), lr=1e-3)
        for name, module in modules(loss).items()
        if name in losses(loss).values()
    }
    return Loop(loss, optimizers, updater, value)


def random_batch() -> TensorDict:
    """Return eight random transitions."""
    torch.manual_seed(1)
    never = torch.zeros(8, 1, dtype=torch.bool)
    next_state = {
        "observation": torch.randn(8, 3),
        "reward": torch.randn(8, 1),
        "done": never,
        "terminated": never,
    }
    current = {"observation": torch.randn(8, 3), "action": torch.rand(8, 2) * 2 - 1}
    return TensorDict({**current, "next": next_state}, batch_size=[8])


def update_on_all_outputs(loop: Loop, batch: TensorDict) -> None:
    """Run one backward pass for the sum of all outputs of the loss module, then all steps."""
    outputs = loop.loss(batch.clone())
    for optimizer in loop.optimizers.values():
        optimizer.zero_grad()
    total = torch.zeros(())
    for name, value in outputs.items():
        total = total + term(name, value).sum()
    total.backward()
    for optimizer in loop.optimizers.values():
        optimizer.step()


def build_shared_trunk(separate: bool) -> tuple[Loop, Contract]:
    """Build a DDPGLoss whose actor and critic share their first layer, and its contract.

    Args:
        separate: Only the actor's loss trains the shared layer (`separate_losses=True`).
    """
    torch.manual_seed(0)
    trunk = TensorDictModule(nn.Linear(3, 8), ["observation"], ["hidden"])
    head = TensorDictModule(nn.Sequential(nn.Linear(8, 2), nn.Tanh()), ["hidden"], ["action"])
    value = ValueOperator(MLP(in_features=10, out_features=1, num_cells=[8]), ["hidden", "action"])
    actor, critic = TensorDictSequential([trunk, head]), TensorDictSequential([trunk, value])
    loss = DDPGLoss(actor, critic, delay_actor=True, separate_losses=separate)
    updater = SoftUpdate(loss, tau=0.1)
    loss.make_value_estimator(gamma=0.99)
    optimizers: dict[str, Optimizer] = {
        "actor": Adam(loss.actor_network_params.parameters(), lr=1e-3),
        "critic": Adam(loss.value_network_params.parameters(), lr=1e-3),
    }
    ready = contract(loss, optimizers)
    shared = {
        name: parameter
        for name, parameter in loss.actor_network_params.named_parameters()
        if name.startswith("module.0.")
    }
    critic_update = trains("critic") if separate else trains("critic", "trunk")
    with_trunk = replace(
        ready,
        modules={**ready.modules, "trunk": shared},
        shared={"trunk": ("actor", "critic")},
        updates={
            **ready.updates,
            "critic_update": critic_update,
            "actor_update": trains("actor", "trunk"),
        },
    )
    return Loop(loss, optimizers, updater, value), with_trunk


@contextmanager
def optimizer_over_everything(loop: Loop) -> Iterator[None]:
    before = loop.optimizers["actor"]
    loop.optimizers["actor"] = Adam(loop.loss.parameters(), lr=1e-3)
    yield
    loop.optimizers["actor"] = before


@contextmanager
def attached_critic(loop: Loop) -> Iterator[None]:
    """Run the actor's loss on the critic's parameters instead of detached copies."""
    attached = mock.PropertyMock(return_value=loop.critic)
    with mock.patch.object(type(loop.loss), DETACHED[type(loop.loss)], attached):
        yield


@contextmanager
def critic_as_target(loop: Loop) -> Iterator[None]:
    children = loop.loss._modules
    name = next(key for key in children if key.startswith("target_") and "value" in key)
    before = children[name]
    children[name] = loop.critic
    yield
    children[name] = before


@contextmanager
def optimizer_over(loop: Loop, parameters: Any) -> Iterator[None]:
    before = loop.optimizers["critic"]
    loop.optimizers["critic"] = Adam(parameters, lr=1e-3)
    yield
    loop.optimizers["critic"] = before
