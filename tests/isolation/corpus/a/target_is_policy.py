"""A Double DQN whose target network is its policy network, with a TD target that is not detached.

https://github.com/datawhalechina/easy-rl/pull/117: tlt18 found that the TD target has no `detach()`
and that "the outputs of `policy_net` and `target_net` are the same", since both names refer to one
network. The gradient of the target therefore goes into the trained network.
"""

import copy

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="A3",
    mistake_class="A",
    algorithm="Double DQN",
    url="https://github.com/datawhalechina/easy-rl/pull/117",
    expected=(
        Expected("setup", "policy_net", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "target_net", "leaked", Grade.NOTHING, "aliasing"),
        Expected("update", "target_net", "leaked", Grade.MOVED, "moved"),
    ),
)


def agent(separate: bool) -> tuple[Contract, Updates]:
    model = q_network()
    policy_net = model
    target_net = copy.deepcopy(model) if separate else model
    optimizer = Adam(policy_net.parameters(), lr=1e-3)
    batch = random_batch()

    def update() -> None:
        q_values = policy_net(batch.states).gather(1, batch.choices)
        next_choices = policy_net(batch.next_states).argmax(dim=1, keepdim=True)
        next_q_values = target_net(batch.next_states).gather(1, next_choices)
        expected_q_values = batch.rewards + 0.95 * next_q_values * (1 - batch.terminated)
        if separate:
            expected_q_values = expected_q_values.detach()
        loss = nn.functional.mse_loss(q_values, expected_q_values)
        optimizer.zero_grad()
        loss.backward()
        for parameter in policy_net.parameters():
            if parameter.grad is not None:
                parameter.grad.data.clamp_(-1, 1)
        optimizer.step()

    def sync() -> None:
        with torch.no_grad():
            target_net.load_state_dict(policy_net.state_dict())

    contract = Contract(
        modules={"policy_net": policy_net, "target_net": target_net},
        optimizers={"policy_net": optimizer},
        updates={"update": trains("policy_net"), "sync": follows(target_net="policy_net")},
    )
    return contract, {"update": update, "sync": sync}


def broken() -> tuple[Contract, Updates]:
    return agent(separate=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(separate=True)
