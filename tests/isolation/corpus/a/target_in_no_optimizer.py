"""False alarm: the TD target is not detached, but no optimizer holds its network.

https://github.com/seungeunrho/minimalRL/pull/41: "Shouldn't target be detached?" Closed: no
optimizer holds the target network's parameters, so the gradient in their `.grad` moves nothing.
"""

import copy

from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, follows, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="A5",
    mistake_class="A",
    algorithm="DQN",
    url="https://github.com/seungeunrho/minimalRL/pull/41",
    false_alarm=True,
    reason="the contract lets the loss go through q_target, and no optimizer holds it",
)


def example() -> tuple[Contract, Updates]:
    q = q_network()
    q_target = copy.deepcopy(q)
    optimizer = Adam(q.parameters(), lr=5e-4)
    batch = random_batch()

    def train() -> None:
        for _ in range(3):
            q_chosen = q(batch.states).gather(1, batch.choices)
            max_q_next = q_target(batch.next_states).max(1)[0].unsqueeze(1)
            target = batch.rewards + 0.98 * max_q_next * (1 - batch.terminated)
            loss = nn.functional.smooth_l1_loss(q_chosen, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def sync() -> None:
        q_target.load_state_dict(q.state_dict())

    contract = Contract(
        modules={"q": q, "q_target": q_target},
        optimizers={"q": optimizer},
        updates={"train": trains("q", through="q_target"), "sync": follows(q_target="q")},
    )
    return contract, {"train": train, "sync": sync}
