"""DreamerV3: the actor's backward pass leaves gradients in the world model.

https://github.com/ray-project/ray/pull/55140: the world model's gradients "will have values in them
from the actor/critic backwards" and must be zeroed. Here they are cleared after the world model's
own step, so the actor fills them again and the next world-model step applies the sum. The fix is
the pull request's: the world model is frozen during the actor's forward pass.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, actor_network, mlp, random_batch

CASE = Case(
    identifier="D8",
    mistake_class="D",
    algorithm="DreamerV3",
    url="https://github.com/ray-project/ray/pull/55140",
    expected=(
        Expected(
            "actor_update", "world_model", "leaked", Grade.MOVED, "moved", entry="world_model["
        ),
    ),
)


def agent(freeze: bool) -> tuple[Contract, Updates]:
    world_model = nn.ModuleDict(
        {
            "dynamics": mlp(STATE + ACTION, 8, STATE, seed=1),
            "reward": mlp(STATE, 8, 1, seed=2),
        }
    )
    actor = actor_network()
    world_model_optimizer = Adam(world_model.parameters(), lr=1e-3)
    actor_optimizer = Adam(actor.parameters(), lr=1e-3)
    batch = random_batch()

    def world_model_update() -> None:
        predicted = world_model["dynamics"](torch.cat([batch.states, batch.actions], dim=1))
        loss = nn.functional.mse_loss(predicted, batch.next_states)
        loss = loss + nn.functional.mse_loss(world_model["reward"](predicted), batch.rewards)
        loss.backward()
        world_model_optimizer.step()
        world_model_optimizer.zero_grad()

    def actor_update() -> None:
        world_model.requires_grad_(not freeze)
        state, total_reward = batch.states, torch.zeros(())
        for _ in range(3):
            state = world_model["dynamics"](torch.cat([state, actor(state)], dim=1))
            total_reward = total_reward + world_model["reward"](state).mean()
        world_model.requires_grad_(True)
        (-total_reward).backward()
        actor_optimizer.step()
        actor_optimizer.zero_grad()

    contract = Contract(
        modules={"world_model": world_model, "actor": actor},
        optimizers={"world_model": world_model_optimizer, "actor": actor_optimizer},
        updates={
            "world_model_update": trains("world_model"),
            "actor_update": trains("actor", through="world_model"),
        },
    )
    return contract, {"world_model_update": world_model_update, "actor_update": actor_update}


def broken() -> tuple[Contract, Updates]:
    return agent(freeze=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(freeze=True)
