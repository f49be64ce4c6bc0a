"""DQN whose sync copies the weights and then assigns the model to the target's name.

https://github.com/andri27-ts/Reinforcement-Learning/issues/14: "after loading the parameters of the
moving network into the target network, why is the target network reference pointing to the moving
network?" (sai-prasanna). Everything is right until the first sync.
"""

import torch
from torch import nn
from torch.nn.functional import smooth_l1_loss

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="H11",
    mistake_class="H",
    algorithm="DQN",
    url="https://github.com/andri27-ts/Reinforcement-Learning/issues/14",
    expected=(
        Expected("update_target", "moving_nn", "leaked", Grade.NOTHING, "aliasing"),
        Expected("update_target", "target_nn", "leaked", Grade.MOVED, "aliasing"),
        Expected("optimize", "target_nn", "leaked", Grade.MOVED, "moved"),
    ),
)


class CentralControl:
    def __init__(self) -> None:
        self.target_nn: nn.Module = q_network()
        self.moving_nn = q_network()
        self.optimizer = torch.optim.Adam(self.moving_nn.parameters(), lr=1e-3)

    def optimize(self) -> None:
        batch = random_batch()
        next_values = self.target_nn(batch.next_states).max(1, keepdim=True).values.detach()
        expected = batch.rewards + 0.99 * (1 - batch.terminated) * next_values
        loss = smooth_l1_loss(self.moving_nn(batch.states).gather(1, batch.choices), expected)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def update_target(self) -> None:
        self.target_nn.load_state_dict(self.moving_nn.state_dict())

    def update_and_alias_target(self) -> None:
        self.target_nn.load_state_dict(self.moving_nn.state_dict())
        self.target_nn = self.moving_nn


def contract(agent: CentralControl) -> Contract:
    return Contract(
        modules={"moving_nn": agent.moving_nn, "target_nn": lambda: agent.target_nn},
        optimizers={"moving_nn": agent.optimizer},
        updates={
            "optimize": trains("moving_nn"),
            "update_target": follows(target_nn="moving_nn"),
        },
        restores=[agent],
    )


def broken() -> tuple[Contract, Updates]:
    agent = CentralControl()
    updates = {"optimize": agent.optimize, "update_target": agent.update_and_alias_target}
    return contract(agent), updates


def fixed() -> tuple[Contract, Updates]:
    agent = CentralControl()
    return contract(agent), {"optimize": agent.optimize, "update_target": agent.update_target}
