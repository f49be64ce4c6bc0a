"""DQN whose `policy.train()` also puts the policy's target network in train mode.

https://github.com/DLR-RM/stable-baselines3/pull/553: "this call will also put the target networks
into training mode. This is incorrect behaviour, as the target networks should always remain in
evaluation mode" (ayeright). `no_grad` does not stop BatchNorm from updating its statistics.
"""

import copy

import torch
from torch import nn
from torch.nn.functional import smooth_l1_loss

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, random_batch
from tests.isolation.corpus.parts_modes import normalized

CASE = Case(
    identifier="L6",
    mistake_class="L",
    algorithm="DQN",
    url="https://github.com/DLR-RM/stable-baselines3/pull/553",
    expected=(
        Expected("train", "q_net_target", "moved_by_other", Grade.MOVED, "modes"),
        Expected("train", "q_net_target", "leaked", Grade.MOVED, "modes"),
    ),
)


class DQNPolicy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_net = normalized(STATE, 8, CHOICES, seed=2)
        self.q_net_target = copy.deepcopy(self.q_net)

    def set_training_mode(self, mode: bool) -> None:
        self.q_net.train(mode)
        self.q_net_target.eval()


def contract_and_updates(*, whole_policy: bool) -> tuple[Contract, Updates]:
    policy = DQNPolicy()
    policy.q_net_target.eval()
    optimizer = torch.optim.Adam(policy.q_net.parameters(), lr=1e-4)

    def train() -> None:
        if whole_policy:
            policy.train()
        else:
            policy.set_training_mode(mode=True)
        batch = random_batch()
        with torch.no_grad():
            next_q_values = policy.q_net_target(batch.next_states).max(1, keepdim=True).values
            target_q_values = batch.rewards + (1 - batch.terminated) * 0.99 * next_q_values
        q_values = policy.q_net(batch.states).gather(1, batch.choices)
        loss = smooth_l1_loss(q_values, target_q_values)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"q_net": policy.q_net, "q_net_target": policy.q_net_target},
        optimizers={"q_net": optimizer},
        updates={"train": trains("q_net", train_mode="q_net", eval_mode="q_net_target")},
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(whole_policy=True)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(whole_policy=False)
