"""QMIX whose target mixer loads its own state dict; the agents' target is synced correctly.

https://github.com/thesouther/MARL/issues/8: line 110 of `policy.py` reads
`self.target_qmix_net.load_state_dict(self.target_qmix_net.state_dict())`. The author agreed and
changed it to the online mixer's (reported by L-Spike, in Chinese).
"""

import copy

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="I10",
    mistake_class="I",
    algorithm="QMIX",
    url="https://github.com/thesouther/MARL/issues/8",
    expected=(Expected("sync", "target_qmix_net", "starved", Grade.NOTHING, "moved"),),
)

AGENTS = 2


class Mixer(nn.Module):
    """Sum of the agents' values, weighted by a hypernetwork's non-negative outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.hyper_w = mlp(STATE, 6, AGENTS, seed=5)
        self.hyper_b = mlp(STATE, 6, 1, seed=6)

    def forward(self, values: Tensor, states: Tensor) -> Tensor:
        weights = self.hyper_w(states).abs()
        return (weights * values).sum(-1, keepdim=True) + self.hyper_b(states)


class QMIX:
    def __init__(self) -> None:
        self.eval_rnn = nn.GRUCell(STATE, CHOICES)
        self.eval_qmix_net = Mixer()
        self.target_rnn = copy.deepcopy(self.eval_rnn)
        self.target_qmix_net = copy.deepcopy(self.eval_qmix_net)
        self.eval_parameters = [*self.eval_qmix_net.parameters(), *self.eval_rnn.parameters()]
        self.optimizer = torch.optim.RMSprop(self.eval_parameters, lr=5e-4)

    def learn(self) -> None:
        batch = random_batch()
        q_values = [
            self.eval_rnn(batch.states.roll(agent, 1)).gather(1, batch.choices)
            for agent in range(AGENTS)
        ]
        next_values = [
            self.target_rnn(batch.next_states.roll(agent, 1)).max(1, keepdim=True).values
            for agent in range(AGENTS)
        ]
        q_total = self.eval_qmix_net(torch.cat(q_values, 1), batch.states)
        q_total_target = self.target_qmix_net(torch.cat(next_values, 1), batch.next_states)
        targets = batch.rewards + 0.99 * q_total_target * (1 - batch.terminated)
        loss = (targets.detach() - q_total).pow(2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.eval_parameters, 10)
        self.optimizer.step()

    def sync(self, mixer: Mixer) -> None:
        self.target_rnn.load_state_dict(self.eval_rnn.state_dict())
        self.target_qmix_net.load_state_dict(mixer.state_dict())


def contract(agent: QMIX) -> Contract:
    return Contract(
        modules={
            "eval_rnn": agent.eval_rnn,
            "eval_qmix_net": agent.eval_qmix_net,
            "target_rnn": agent.target_rnn,
            "target_qmix_net": agent.target_qmix_net,
        },
        optimizers={"optimizer": agent.optimizer},
        updates={
            "learn": trains("eval_rnn", "eval_qmix_net"),
            "sync": follows(target_rnn="eval_rnn", target_qmix_net="eval_qmix_net"),
        },
    )


def seeded() -> QMIX:
    torch.manual_seed(0)
    return QMIX()


def broken() -> tuple[Contract, Updates]:
    agent = seeded()
    updates = {"learn": agent.learn, "sync": lambda: agent.sync(agent.target_qmix_net)}
    return contract(agent), updates


def fixed() -> tuple[Contract, Updates]:
    agent = seeded()
    updates = {"learn": agent.learn, "sync": lambda: agent.sync(agent.eval_qmix_net)}
    return contract(agent), updates
