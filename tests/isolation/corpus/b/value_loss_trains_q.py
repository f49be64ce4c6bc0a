"""The value backup of SAC is not detached, so the value loss trains the Q functions.

https://github.com/Unity-Technologies/ml-agents/pull/4722 (merged as a bug fix): "In SAC, stop
gradient on Q function during value update". One optimizer holds the value network and both Q
networks and takes one step on the sum of the three losses.
"""

import copy

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, follows, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch, value_network

CASE = Case(
    identifier="B9",
    mistake_class="B",
    algorithm="SAC with hybrid actions",
    url="https://github.com/Unity-Technologies/ml-agents/pull/4722",
    expected=(
        Expected(
            "value_update",
            "q1",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="value_loss",
            entry="q1_policy = q1(",
        ),
        Expected(
            "value_update",
            "q2",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="value_loss",
            entry="q2_policy = q2(",
        ),
    ),
)


def agent(stop_gradient: bool) -> tuple[Contract, Updates]:
    policy, value, q1, q2 = actor_network(), value_network(), Critic(seed=4), Critic(seed=5)
    value_target = copy.deepcopy(value)
    value_optimizer = Adam([*value.parameters(), *q1.parameters(), *q2.parameters()], lr=3e-4)
    batch = random_batch()
    entropy_bonus = 0.2 * batch.rewards.abs()

    def value_update() -> None:
        with torch.no_grad():
            sampled_actions = policy(batch.states)
            backup = batch.rewards + 0.99 * (1 - batch.terminated) * value_target(batch.next_states)
        q1_loss = 0.5 * nn.functional.mse_loss(q1(batch.states, batch.actions), backup)
        q2_loss = 0.5 * nn.functional.mse_loss(q2(batch.states, batch.actions), backup)

        q1_policy = q1(batch.states, sampled_actions)
        q2_policy = q2(batch.states, sampled_actions)
        value_backup = torch.min(q1_policy, q2_policy) - entropy_bonus
        if stop_gradient:
            value_backup = value_backup.detach()
        value_loss = 0.5 * nn.functional.mse_loss(value(batch.states), value_backup)

        total_value_loss = (
            term("q1_loss", q1_loss) + term("q2_loss", q2_loss) + term("value_loss", value_loss)
        )
        value_optimizer.zero_grad()
        total_value_loss.backward()
        value_optimizer.step()

    contract = Contract(
        modules={
            "policy": policy,
            "value": value,
            "value_target": value_target,
            "q1": q1,
            "q2": q2,
        },
        optimizers={"value": value_optimizer},
        updates={
            "value_update": trains(
                "value",
                "q1",
                "q2",
                terms={
                    "q1_loss": trains("q1"),
                    "q2_loss": trains("q2"),
                    "value_loss": trains("value"),
                },
            ),
            "sync": follows(value_target="value"),
        },
    )
    return contract, {
        "value_update": value_update,
        "sync": lambda: polyak(value_target, value, tau=0.005),
    }


def broken() -> tuple[Contract, Updates]:
    return agent(stop_gradient=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(stop_gradient=True)
