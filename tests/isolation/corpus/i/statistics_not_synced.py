"""DQN with BatchNorm whose target never gets the running statistics.

https://github.com/DLR-RM/stable-baselines3/issues/996: `polyak_update` covers `parameters()`, but
`running_mean` and `running_var` are buffers (honglu2875). Fixed in PR 1004 by copying them.
"""

import copy

import torch
from torch.nn.functional import smooth_l1_loss

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, polyak, random_batch
from tests.isolation.corpus.parts_modes import normalized

CASE = Case(
    identifier="I8",
    mistake_class="I",
    algorithm="DQN with BatchNorm",
    url="https://github.com/DLR-RM/stable-baselines3/issues/996",
    expected=(Expected("target_update", "q_net_target", "starved", Grade.MOVED, "moved"),),
)


def contract_and_updates(*, copy_statistics: bool) -> tuple[Contract, Updates]:
    q_net = normalized(STATE, 8, CHOICES, seed=2)
    q_net_target = copy.deepcopy(q_net).eval()
    optimizer = torch.optim.Adam(q_net.parameters(), lr=1e-4)

    def train() -> None:
        batch = random_batch()
        q_net.train()
        with torch.no_grad():
            next_q_values = q_net_target(batch.next_states).max(1, keepdim=True).values
            target_q_values = batch.rewards + (1 - batch.terminated) * 0.99 * next_q_values
        loss = smooth_l1_loss(q_net(batch.states).gather(1, batch.choices), target_q_values)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(q_net.parameters(), 10)
        optimizer.step()

    def target_update() -> None:
        polyak(q_net_target, q_net, tau=0.05)
        if copy_statistics:
            for target, online in zip(q_net_target.buffers(), q_net.buffers(), strict=True):
                target.copy_(online)

    contract = Contract(
        modules={"q_net": q_net, "q_net_target": q_net_target},
        optimizers={"q_net": optimizer},
        updates={
            "train": trains("q_net", eval_mode="q_net_target"),
            "target_update": follows(q_net_target="q_net"),
        },
    )
    return contract, {"train": train, "target_update": target_update}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(copy_statistics=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(copy_statistics=True)
