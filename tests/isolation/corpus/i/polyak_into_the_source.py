"""DQN whose Polyak update blends into the online network and loads the result into the target.

https://github.com/kengz/SLM-Lab/commit/73014b75670d865064b5a5368b2f40442da4c2de: the mixed values
are written through the dictionary of the *source's* parameters, so the online weights move without
any optimizer and the target becomes equal to them.
"""

import torch
from torch import nn
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="I1",
    mistake_class="I",
    algorithm="DQN",
    url="https://github.com/kengz/SLM-Lab/commit/73014b75670d865064b5a5368b2f40442da4c2de",
    expected=(Expected("update_nets", "net", "moved_by_other", Grade.MOVED, "moved"),),
)


def polyak_update(source_net: nn.Module, target_net: nn.Module, old_ratio: float) -> None:
    target_params = dict(target_net.named_parameters())
    dict_params = dict(source_net.named_parameters())
    for name, parameter in target_params.items():
        mixed = old_ratio * parameter.data + (1 - old_ratio) * dict_params[name].data
        dict_params[name].data.copy_(mixed)
    target_net.load_state_dict(dict_params)


def polyak_update_of_a_copy(source_net: nn.Module, target_net: nn.Module, old_ratio: float) -> None:
    dict_params = {name: value.clone() for name, value in source_net.state_dict().items()}
    for name, parameter in target_net.named_parameters():
        dict_params[name].mul_(1 - old_ratio).add_(old_ratio * parameter.data)
    target_net.load_state_dict(dict_params)


class DQN:
    def __init__(self) -> None:
        self.net, self.target_net = q_network(2), q_network(3)
        self.optim = torch.optim.RMSprop(self.net.parameters(), lr=1e-3)

    def train(self) -> None:
        batch = random_batch()
        with torch.no_grad():
            max_next = self.target_net(batch.next_states).max(1, keepdim=True).values
        targets = batch.rewards + 0.99 * (1 - batch.terminated) * max_next
        loss = mse_loss(self.net(batch.states).gather(1, batch.choices), targets)
        self.optim.zero_grad()
        loss.backward()
        self.optim.step()


def contract(agent: DQN) -> Contract:
    return Contract(
        modules={"net": agent.net, "target_net": agent.target_net},
        optimizers={"net": agent.optim},
        updates={"train": trains("net"), "update_nets": follows(target_net="net")},
    )


def broken() -> tuple[Contract, Updates]:
    agent = DQN()
    return contract(agent), {
        "train": agent.train,
        "update_nets": lambda: polyak_update(agent.net, agent.target_net, 0.8),
    }


def fixed() -> tuple[Contract, Updates]:
    agent = DQN()
    return contract(agent), {
        "train": agent.train,
        "update_nets": lambda: polyak_update_of_a_copy(agent.net, agent.target_net, 0.8),
    }
