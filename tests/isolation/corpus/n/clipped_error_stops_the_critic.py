"""DQN that clips the TD error before squaring it, to limit gradients to 1.

https://github.com/spragunr/deep_q_rl/issues/46: this "results in gradients going to zero whenever
the diff is clipped. In other words, gradients vanish precisely when they should be largest"
(davidsj). The fix is the Huber loss, which clips the gradient instead of the error.
"""

import copy

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="N6",
    mistake_class="N",
    algorithm="DQN",
    url="https://github.com/spragunr/deep_q_rl/issues/46",
    expected=(Expected("train", "network", "starved", Grade.ZERO, "written"),),
)


class DeepQ:
    def __init__(self) -> None:
        self.network = q_network()
        self.next_network = copy.deepcopy(self.network)
        self.optimizer = torch.optim.RMSprop(self.network.parameters(), lr=2.5e-4, eps=0.01)

    def train(self, *, clip_error: bool) -> None:
        batch = random_batch()
        q_values = self.network(batch.states).gather(1, batch.choices)
        with torch.no_grad():
            next_values = self.next_network(batch.next_states).max(1, keepdim=True).values
            targets = 100.0 + 0.99 * (1 - batch.terminated) * next_values
        loss = self.squared(targets - q_values) if clip_error else None
        loss = huber_loss(q_values, targets) if loss is None else loss
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def squared(self, difference: Tensor) -> Tensor:
        return 0.5 * difference.clamp(-1, 1).pow(2).mean()


def contract_and_updates(*, clip_error: bool) -> tuple[Contract, Updates]:
    agent = DeepQ()
    contract = Contract(
        modules={"network": agent.network, "next_network": agent.next_network},
        optimizers={"network": agent.optimizer},
        updates={"train": trains("network")},
    )
    return contract, {"train": lambda: agent.train(clip_error=clip_error)}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(clip_error=True)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(clip_error=False)
