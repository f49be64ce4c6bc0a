"""Dreamer's value optimizer holds another network's parameters.

https://github.com/juliusfrost/dreamer-pytorch/pull/79, "fix algo bug of value optimizer optimizing
wrong params" ("Can't believe I missed this"). The value loss writes the value model's gradients,
but its optimizer steps the actor, whose gradients are None at that time: nothing moves and there is
no error.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, actor_network, mlp, random_batch

CASE = Case(
    identifier="F5",
    mistake_class="F",
    algorithm="Dreamer",
    url="https://github.com/juliusfrost/dreamer-pytorch/pull/79",
    expected=(
        Expected("value_update", "value_model", "starved", Grade.NONZERO, "membership"),
        Expected("value_update", "actor_model", "leaked", Grade.NOTHING, "membership"),
    ),
)


def agent(correct_model: bool) -> tuple[Contract, Updates]:
    dynamics = mlp(STATE + ACTION, 8, STATE, seed=1).requires_grad_(False)
    actor_model, value_model = actor_network(), mlp(STATE, 8, 1, seed=3)
    actor_optimizer = Adam(actor_model.parameters(), lr=8e-5)
    value_parameters = value_model.parameters() if correct_model else actor_model.parameters()
    value_optimizer = Adam(value_parameters, lr=8e-5)
    batch = random_batch()

    def imagine() -> list[torch.Tensor]:
        states = [batch.states]
        for _ in range(3):
            states.append(dynamics(torch.cat([states[-1], actor_model(states[-1])], dim=1)))
        return states

    def actor_update() -> None:
        actor_loss = -torch.stack([value_model(state).mean() for state in imagine()[1:]]).sum()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        nn.utils.clip_grad_norm_(actor_model.parameters(), 100.0)
        actor_optimizer.step()

    def value_update() -> None:
        with torch.no_grad():
            states = imagine()
            targets = [batch.rewards + 0.99 * value_model(state) for state in states[1:]]
        predicted = [value_model(state) for state in states[:-1]]
        pairs = zip(predicted, targets, strict=True)
        value_loss = torch.stack([nn.functional.mse_loss(*pair) for pair in pairs]).mean()
        value_optimizer.zero_grad()
        value_loss.backward()
        nn.utils.clip_grad_norm_(value_model.parameters(), 100.0)
        value_optimizer.step()

    contract = Contract(
        modules={"dynamics": dynamics, "actor_model": actor_model, "value_model": value_model},
        optimizers={"actor": actor_optimizer, "value": value_optimizer},
        updates={
            "actor_update": trains("actor_model", through="value_model"),
            "value_update": trains("value_model"),
        },
    )
    return contract, {"actor_update": actor_update, "value_update": value_update}


def broken() -> tuple[Contract, Updates]:
    return agent(correct_model=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(correct_model=True)
