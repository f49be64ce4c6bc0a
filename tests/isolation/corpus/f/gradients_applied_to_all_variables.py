"""Gradients are applied to all variables instead of the trainable ones.

https://github.com/tensorflow/agents/issues/158: "During SAC optimisation step gradients are being
applied to all variables instead of just trainable variables. This causes undesirable behaviour if
the nets contain a shared encoder layer with fixed weights".
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="F6",
    mistake_class="F",
    algorithm="SAC",
    url="https://github.com/tensorflow/agents/issues/158",
    expected=tuple(
        Expected(update, "encoder", "leaked", Grade.MOVED, kind)
        for update in ("critic_update", "actor_update")
        for kind in ("moved", "membership")
    ),
)


def agent(trainable_only: bool) -> tuple[Contract, Updates]:
    encoder = mlp(STATE, 8, seed=1, output=nn.Tanh())
    frozen = set(encoder.parameters())
    actor_head = mlp(8, ACTION, seed=2, output=nn.Tanh())
    critic_head = mlp(8 + ACTION, 8, 1, seed=3)
    actor = nn.ModuleList([encoder, actor_head])
    critic = nn.ModuleList([encoder, critic_head])

    def variables(network: nn.Module) -> list[nn.Parameter]:
        return [each for each in network.parameters() if not (trainable_only and each in frozen)]

    actor_optimizer = Adam(variables(actor), lr=3e-4)
    critic_optimizer = Adam(variables(critic), lr=3e-4)
    batch = random_batch()

    def apply_gradients(optimizer: Optimizer, loss: Tensor, parameters: list[nn.Parameter]) -> None:
        gradients = torch.autograd.grad(loss, parameters)
        for variable, gradient in zip(parameters, gradients, strict=True):
            variable.grad = gradient
        optimizer.step()

    def q_value(actions: Tensor) -> Tensor:
        return critic_head(torch.cat([encoder(batch.states), actions], dim=1))

    def critic_update() -> None:
        critic_loss = nn.functional.mse_loss(q_value(batch.actions), batch.rewards)
        apply_gradients(critic_optimizer, critic_loss, variables(critic))

    def actor_update() -> None:
        actor_loss = -q_value(actor_head(encoder(batch.states))).mean()
        apply_gradients(actor_optimizer, actor_loss, variables(actor))

    contract = Contract(
        modules={"encoder": encoder, "actor": actor, "critic": critic},
        shared={"encoder": ("actor", "critic")},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={"critic_update": trains("critic"), "actor_update": trains("actor")},
    )
    return contract, {"critic_update": critic_update, "actor_update": actor_update}


def broken() -> tuple[Contract, Updates]:
    return agent(trainable_only=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(trainable_only=True)
