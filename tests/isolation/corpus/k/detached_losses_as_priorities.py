"""False alarm: Rainbow stores `loss.detach()` as priorities and is suspected of storing graphs.

https://github.com/Kaixhin/Rainbow/pull/33: "it looks like the current code is attaching something
big, possibly the entire graph (regardless of the detach method)" (deepbrain). It cannot:
"`.detach()` is supposed to cut off any part of the graph" (Kaixhin). The memory was used elsewhere.
"""

import copy

import torch
from torch import Tensor

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="K10",
    mistake_class="K",
    algorithm="Rainbow",
    url="https://github.com/Kaixhin/Rainbow/pull/33",
    false_alarm=True,
    reason="a detached loss has no graph: the memory holds only values",
)


class PriorityMemory:
    def __init__(self) -> None:
        self.priorities: list[Tensor] = [torch.ones(()) for _ in range(6)]

    def update_priorities(self, losses: Tensor) -> None:
        for index, loss in enumerate(losses):
            self.priorities[index] = loss.pow(0.5)


def example() -> tuple[Contract, Updates]:
    online_net = q_network()
    target_net = copy.deepcopy(online_net).requires_grad_(requires_grad=False)
    optimiser = torch.optim.Adam(online_net.parameters(), lr=6.25e-5, eps=1.5e-4)
    memory = PriorityMemory()

    def learn() -> None:
        batch = random_batch()
        next_values = target_net(batch.next_states).max(1, keepdim=True).values
        targets = batch.rewards + 0.99 * (1 - batch.terminated) * next_values
        loss = (online_net(batch.states).gather(1, batch.choices) - targets).pow(2).squeeze(1)
        weights = torch.linspace(0.5, 1, len(loss))
        online_net.zero_grad()
        (weights * loss).mean().backward()
        optimiser.step()
        memory.update_priorities(loss.detach())

    contract = Contract(
        modules={"online_net": online_net, "target_net": target_net},
        optimizers={"online_net": optimiser},
        updates={"learn": trains("online_net", frozen="target_net")},
        keeps={"memory": memory},
    )
    return contract, {"learn": learn}
