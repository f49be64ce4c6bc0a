"""SAC whose target critics are `copy.copy` of the critics: new modules, the same parameters.

https://github.com/rail-berkeley/rlkit/issues/74: networks made with `copy()` and with `deepcopy()`
give different learning curves; nobody explained why. A shallow copy of a module shares the
dictionary of its submodules.
"""

import copy

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch

CASE = Case(
    identifier="H6",
    mistake_class="H",
    algorithm="SAC",
    url="https://github.com/rail-berkeley/rlkit/issues/74",
    expected=(
        Expected("setup", "qf1", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "target_qf1", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "qf2", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "target_qf2", "leaked", Grade.NOTHING, "aliasing"),
        Expected("qf_update", "target_qf1", "leaked", Grade.MOVED, "moved"),
        Expected("qf_update", "target_qf2", "leaked", Grade.MOVED, "moved"),
    ),
)


class SACTrainer:
    def __init__(self, target_qf1: nn.Module, target_qf2: nn.Module, qfs: nn.ModuleList) -> None:
        self.policy = actor_network()
        self.qf1, self.qf2 = qfs
        self.target_qf1, self.target_qf2 = target_qf1, target_qf2
        self.qf1_optimizer = torch.optim.Adam(self.qf1.parameters(), lr=1e-3)
        self.qf2_optimizer = torch.optim.Adam(self.qf2.parameters(), lr=1e-3)

    def update_qfs(self) -> None:
        batch = random_batch()
        next_actions = self.policy(batch.next_states)
        target_q_values = torch.min(
            self.target_qf1(batch.next_states, next_actions),
            self.target_qf2(batch.next_states, next_actions),
        )
        q_target = (batch.rewards + (1 - batch.terminated) * 0.99 * target_q_values).detach()
        qf1_loss = (self.qf1(batch.states, batch.actions) - q_target).pow(2).mean()
        qf2_loss = (self.qf2(batch.states, batch.actions) - q_target).pow(2).mean()
        self.qf1_optimizer.zero_grad()
        qf1_loss.backward()
        self.qf1_optimizer.step()
        self.qf2_optimizer.zero_grad()
        qf2_loss.backward()
        self.qf2_optimizer.step()

    def soft_update(self) -> None:
        polyak(self.target_qf1, self.qf1)
        polyak(self.target_qf2, self.qf2)


def contract_and_updates(trainer: SACTrainer) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={
            "policy": trainer.policy,
            "qf1": trainer.qf1,
            "qf2": trainer.qf2,
            "target_qf1": trainer.target_qf1,
            "target_qf2": trainer.target_qf2,
        },
        optimizers={"qf1": trainer.qf1_optimizer, "qf2": trainer.qf2_optimizer},
        updates={
            "qf_update": trains("qf1", "qf2"),
            "sync": follows(target_qf1="qf1", target_qf2="qf2"),
        },
    )
    return contract, {"qf_update": trainer.update_qfs, "sync": trainer.soft_update}


def broken() -> tuple[Contract, Updates]:
    qfs = nn.ModuleList([Critic(2), Critic(3)])
    return contract_and_updates(SACTrainer(copy.copy(qfs[0]), copy.copy(qfs[1]), qfs))


def fixed() -> tuple[Contract, Updates]:
    qfs = nn.ModuleList([Critic(2), Critic(3)])
    return contract_and_updates(SACTrainer(copy.deepcopy(qfs[0]), copy.deepcopy(qfs[1]), qfs))
