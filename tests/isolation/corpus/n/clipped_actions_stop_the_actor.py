"""TD3 whose actor has an unbounded output, and whose actions are clipped to the bounds.

https://github.com/vwxyzjn/cleanrl/issues/196: "any action beyond the boundary is considered the
same in the `clip` implementation" (huxiao09). Inside the actor's loss, a clipped action has a
gradient of exactly zero. The fix is tanh, as in the paper's code.
"""

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, Critic, mlp, random_batch

CASE = Case(
    identifier="N7",
    mistake_class="N",
    algorithm="TD3",
    url="https://github.com/vwxyzjn/cleanrl/issues/196",
    expected=(Expected("actor_update", "actor", "starved", Grade.ZERO, "written"),),
)


def contract_and_updates(*, clip: bool) -> tuple[Contract, Updates]:
    actor, qf1 = mlp(STATE, 8, ACTION, seed=1), Critic()
    *_, last_bias = actor.parameters()
    nn.init.constant_(last_bias, 4.0)
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=3e-4)

    def update_actor() -> None:
        states = random_batch().states
        outputs = actor(states)
        actions = outputs.clamp(-1, 1) if clip else outputs.tanh()
        actor_loss = -qf1(states, actions).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"actor": actor, "qf1": qf1},
        optimizers={"actor": actor_optimizer},
        updates={"actor_update": trains("actor", through="qf1")},
    )
    return contract, {"actor_update": update_actor}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(clip=True)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(clip=False)
