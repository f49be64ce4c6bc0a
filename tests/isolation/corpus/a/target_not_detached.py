"""The TD target of a DQN is not detached.

https://github.com/philtabor/Deep-Q-Learning-Paper-To-Code/issues/9: yangyi0318 and another reader
report a missing `detach()` on `q_next`. The loss reaches the target network, whose gradient
accumulates: it is never cleared and never used.
"""

import copy

from torch import nn
from torch.optim import RMSprop

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="A1",
    mistake_class="A",
    algorithm="DQN",
    url="https://github.com/philtabor/Deep-Q-Learning-Paper-To-Code/issues/9",
    expected=(
        Expected("learn", "q_next", "leaked", Grade.NONZERO, "written", entry="q_next(batch.next"),
    ),
)


def agent(detach: bool) -> tuple[Contract, Updates]:
    q_eval = q_network()
    q_next = copy.deepcopy(q_eval)
    optimizer = RMSprop(q_eval.parameters(), lr=1e-3)
    batch = random_batch()

    def learn() -> None:
        optimizer.zero_grad()
        q_predicted = q_eval(batch.states).gather(1, batch.choices)
        q_following = q_next(batch.next_states).max(dim=1, keepdim=True).values
        q_target = batch.rewards + 0.99 * (1 - batch.terminated) * q_following
        if detach:
            q_target = q_target.detach()
        nn.functional.mse_loss(q_target, q_predicted).backward()
        optimizer.step()

    def replace_target_network() -> None:
        q_next.load_state_dict(q_eval.state_dict())

    contract = Contract(
        modules={"q_eval": q_eval, "q_next": q_next},
        optimizers={"q_eval": optimizer},
        updates={"learn": trains("q_eval"), "replace": follows(q_next="q_eval")},
    )
    return contract, {"learn": learn, "replace": replace_target_network}


def broken() -> tuple[Contract, Updates]:
    return agent(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach=True)
