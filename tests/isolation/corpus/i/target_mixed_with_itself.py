"""Double DQN whose soft update mixes the target with itself.

https://github.com/ageron/handson-ml2/issues/89: a commented-out cell of the book mixes
`target_weights[index]` with `target_weights[index]`, so "we don't change weights at all"
(lytkarinskiy).
"""

import copy

import torch
from torch.nn.functional import one_hot

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, q_network, random_batch

CASE = Case(
    identifier="I3",
    mistake_class="I",
    algorithm="Double DQN",
    url="https://github.com/ageron/handson-ml2/issues/89",
    expected=(Expected("soft_update", "target", "starved", Grade.NOTHING, "moved"),),
)


class DoubleDQN:
    def __init__(self) -> None:
        self.model = q_network()
        self.target = copy.deepcopy(self.model)
        self.optimizer = torch.optim.NAdam(self.model.parameters(), lr=6e-3)

    def training_step(self) -> None:
        batch = random_batch()
        with torch.no_grad():
            best_next_actions = self.model(batch.next_states).argmax(1)
            next_mask = one_hot(best_next_actions, CHOICES)
            next_best = (self.target(batch.next_states) * next_mask).sum(1, keepdim=True)
        target_q_values = batch.rewards + (1 - batch.terminated) * 0.95 * next_best
        mask = one_hot(batch.choices.squeeze(1), CHOICES)
        q_values = (self.model(batch.states) * mask).sum(1, keepdim=True)
        loss = (target_q_values - q_values).pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def soft_update(self, *, use_online: bool) -> None:
        target_weights = self.target.state_dict()
        online_weights = self.model.state_dict() if use_online else target_weights
        for name, weight in target_weights.items():
            target_weights[name] = torch.lerp(weight, online_weights[name], 0.01)
        self.target.load_state_dict(target_weights)


def contract_and_updates(*, use_online: bool) -> tuple[Contract, Updates]:
    agent = DoubleDQN()
    contract = Contract(
        modules={"model": agent.model, "target": agent.target},
        optimizers={"model": agent.optimizer},
        updates={"training_step": trains("model"), "soft_update": follows(target="model")},
    )
    return contract, {
        "training_step": agent.training_step,
        "soft_update": lambda: agent.soft_update(use_online=use_online),
    }


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(use_online=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(use_online=True)
