"""OAC whose policy loss precedes the Q steps, with an optimizer of an old PyTorch.

https://github.com/microsoft/oac-explore/issues/27: on a newer PyTorch the trainer raises; "if you
simply use an old version of pytorch to solve this problem the behaviour might not be what you
expect since the `policy_loss` was computed based on a network which no longer exists" (matte-esse).
Before version 1.5 the optimizers wrote through `.data`, which autograd does not notice.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="J11",
    mistake_class="J",
    algorithm="OAC",
    url="https://github.com/microsoft/oac-explore/issues/27",
    expected=(
        Expected("train/policy", "qf1", "moved_by_other", Grade.NONZERO, "order"),
        Expected("train/policy", "qf2", "moved_by_other", Grade.NONZERO, "order"),
    ),
)


class OldSGD(torch.optim.SGD):
    """SGD whose `step` writes as in PyTorch 1.4."""

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.data.add_(parameter.grad.data, alpha=-group["lr"])
        return loss


class Trainer:
    def __init__(self) -> None:
        self.policy, self.qf1, self.qf2 = actor_network(1), Critic(2), Critic(3)
        self.optimizers = {
            "qf1": OldSGD(self.qf1.parameters(), lr=1e-2),
            "qf2": OldSGD(self.qf2.parameters(), lr=1e-2),
            "policy": OldSGD(self.policy.parameters(), lr=1e-2),
        }

    def policy_loss(self) -> Tensor:
        states = random_batch().states
        new_actions = self.policy(states)
        return -torch.min(self.qf1(states, new_actions), self.qf2(states, new_actions)).mean()

    def update(self, name: str, loss: Tensor) -> None:
        self.optimizers[name].zero_grad()
        loss.backward()
        self.optimizers[name].step()

    def train(self, *, recompute_policy_loss: bool) -> None:
        batch = random_batch()
        policy_loss = self.policy_loss()
        target = batch.rewards * (1 - batch.terminated)
        self.update("qf1", (self.qf1(batch.states, batch.actions) - target).pow(2).mean())
        self.update("qf2", (self.qf2(batch.states, batch.actions) - target).pow(2).mean())
        self.update("policy", self.policy_loss() if recompute_policy_loss else policy_loss)


def contract_and_updates(*, recompute_policy_loss: bool) -> tuple[Contract, Updates]:
    trainer = Trainer()
    contract = Contract(
        modules={"policy": trainer.policy, "qf1": trainer.qf1, "qf2": trainer.qf2},
        optimizers=trainer.optimizers,
        updates={
            "train": split(
                qf1=trains("qf1"),
                qf2=trains("qf2"),
                policy=trains("policy", through=("qf1", "qf2")),
            )
        },
    )
    return contract, {"train": lambda: trainer.train(recompute_policy_loss=recompute_policy_loss)}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(recompute_policy_loss=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(recompute_policy_loss=True)
