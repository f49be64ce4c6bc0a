"""False alarm: an inner detach is missing, but an outer one already cuts the path.

https://github.com/PacktPublishing/Deep-Reinforcement-Learning-Hands-On/issues/29: a reader adds a
second `detach()` in the Double DQN branch and thinks that it fixed a divergence. The detach of
`next_state_values` already cut that branch.
"""

import copy

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, follows, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="A6",
    mistake_class="A",
    algorithm="Double DQN",
    url="https://github.com/PacktPublishing/Deep-Reinforcement-Learning-Hands-On/issues/29",
    false_alarm=True,
    reason="the detach of next_state_values cuts both networks, and argmax has no gradient",
)


def example() -> tuple[Contract, Updates]:
    net = q_network()
    target_net = copy.deepcopy(net)
    optimizer = Adam(net.parameters(), lr=1e-4)
    batch = random_batch()

    def train() -> None:
        optimizer.zero_grad()
        state_action_values = net(batch.states).gather(1, batch.choices)
        next_state_choices = net(batch.next_states).max(1)[1]
        next_state_values = target_net(batch.next_states).gather(
            1, next_state_choices.unsqueeze(-1)
        )
        next_state_values = next_state_values * (1 - batch.terminated)
        expected = next_state_values.detach() * 0.99 + batch.rewards
        nn.functional.mse_loss(state_action_values, expected).backward()
        optimizer.step()

    def sync() -> None:
        for target, online in zip(target_net.parameters(), net.parameters(), strict=True):
            target.data = torch.clone(online.data)

    contract = Contract(
        modules={"net": net, "target_net": target_net},
        optimizers={"net": optimizer},
        updates={"train": trains("net"), "sync": follows(target_net="net")},
    )
    return contract, {"train": train, "sync": sync}
