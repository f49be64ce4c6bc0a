"""DQN whose policy and target network are both `model.to(device)`, which returns the module itself.

https://github.com/datawhalechina/easy-rl/issues/140: in the DQN notebooks the target network is the
policy network, so the bootstrapped target moves with every step. There is no error, only slower
learning.
"""

import torch
from torch import nn
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="H1",
    mistake_class="H",
    algorithm="DQN",
    url="https://github.com/datawhalechina/easy-rl/issues/140",
    expected=(
        Expected("setup", "policy_net", "leaked", Grade.NOTHING, "aliasing"),
        Expected("setup", "target_net", "leaked", Grade.NOTHING, "aliasing"),
        Expected("td_update", "target_net", "leaked", Grade.MOVED, "moved"),
    ),
)


class DQN:
    def __init__(self, policy_net: nn.Module, target_net: nn.Module) -> None:
        self.policy_net = policy_net
        self.target_net = target_net
        self.optimizer = torch.optim.Adam(self.policy_net.parameters(), lr=1e-3)
        self.copy_to_target()

    def copy_to_target(self) -> None:
        self.target_net.load_state_dict(self.policy_net.state_dict())

    def update(self) -> None:
        batch = random_batch()
        q_values = self.policy_net(batch.states).gather(1, batch.choices)
        next_q_values = self.target_net(batch.next_states).max(1, keepdim=True).values.detach()
        targets = batch.rewards + 0.95 * next_q_values * (1 - batch.terminated)
        loss = mse_loss(q_values, targets)
        self.optimizer.zero_grad()
        loss.backward()
        for parameter in self.policy_net.parameters():
            assert parameter.grad is not None
            parameter.grad.clamp_(-1, 1)
        self.optimizer.step()


def contract_and_updates(agent: DQN) -> tuple[Contract, Updates]:
    contract = Contract(
        modules={"policy_net": agent.policy_net, "target_net": agent.target_net},
        optimizers={"policy_net": agent.optimizer},
        updates={
            "td_update": trains("policy_net"),
            "copy_to_target": follows(target_net="policy_net"),
        },
    )
    return contract, {"td_update": agent.update, "copy_to_target": agent.copy_to_target}


def broken() -> tuple[Contract, Updates]:
    device = torch.device("cpu")
    model = q_network()
    return contract_and_updates(DQN(model.to(device), model.to(device)))


def fixed() -> tuple[Contract, Updates]:
    device = torch.device("cpu")
    return contract_and_updates(DQN(q_network().to(device), q_network().to(device)))
