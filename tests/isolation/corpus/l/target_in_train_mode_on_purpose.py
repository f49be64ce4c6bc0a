"""False alarm: a target network that stays in train mode on purpose, with its own statistics.

https://github.com/DLR-RM/stable-baselines3/pull/1004: "looking at BYOL implementation, they
actually keep `training=True` for the target net" (araffin asks whether it is an oversight). It is a
choice: the target normalises by its own batch. The contract names its statistics and lets them
move.
"""

import copy

import torch

from ddpg.isolation import Contract, follows, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import STATE, polyak, random_batch
from tests.isolation.corpus.parts_modes import normalized

CASE = Case(
    identifier="L7",
    mistake_class="L",
    algorithm="BYOL",
    url="https://github.com/DLR-RM/stable-baselines3/pull/1004",
    false_alarm=True,
    reason="the contract names the target's statistics and lets the update move them",
)


def example() -> tuple[Contract, Updates]:
    online = normalized(STATE, 8, 4, seed=1)
    target = copy.deepcopy(online).requires_grad_(requires_grad=False)
    optimizer = torch.optim.SGD(online.parameters(), lr=0.1, momentum=0.9)

    def learn() -> None:
        batch = random_batch()
        loss = (online(batch.states) - target(batch.next_states)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={
            "online": list(online.parameters()),
            "target": list(target.parameters()),
            "online_statistics": dict(online.named_buffers()),
            "target_statistics": dict(target.named_buffers()),
        },
        optimizers={"online": optimizer},
        updates={
            "learn": trains("online", moves=("online_statistics", "target_statistics")),
            "sync": follows(target="online"),
        },
    )
    return contract, {"learn": learn, "sync": lambda: polyak(target, online)}
