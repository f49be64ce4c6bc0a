"""A recurrent PPO chains the parameters of two models that are the same model.

https://github.com/Toni-SM/skrl/issues/431: with a shared model, `itertools.chain()` over the
parameters of policy and value passes "the same parameter into an optimizer multiple times". Here
policy and value are one model with two roles, so the optimizer holds every parameter twice.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.optim import SGD

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="F10",
    mistake_class="F",
    algorithm="PPO_RNN",
    url="https://github.com/Toni-SM/skrl/issues/431",
    expected=(Expected("update", "shared_model", "leaked", Grade.MOVED, "membership"),),
)


class SharedModel(nn.Module):
    """Recurrent network with the roles policy and value."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.lstm = nn.LSTM(STATE, 8, batch_first=True)
        self.heads = nn.ModuleDict({"policy": mlp(8, CHOICES, seed=2), "value": mlp(8, 1, seed=3)})

    def compute(self, states: Tensor, role: str) -> Tensor:
        return self.heads[role](self.lstm(states.unsqueeze(0))[0].squeeze(0))


def agent(once: bool) -> tuple[Contract, Updates]:
    policy = value = SharedModel()
    chained = itertools.chain(policy.parameters(), value.parameters())
    optimizer = SGD(dict.fromkeys(chained) if once else chained, lr=1e-3, momentum=0.9)
    batch = random_batch()

    def update() -> None:
        logits = policy.compute(batch.states, role="policy")
        values = value.compute(batch.states, role="value")
        log_probabilities = torch.log_softmax(logits, dim=1).gather(1, batch.choices)
        policy_loss = -(log_probabilities * (batch.rewards - values).detach()).mean()
        value_loss = nn.functional.mse_loss(values, batch.rewards)
        optimizer.zero_grad()
        (policy_loss + value_loss).backward()
        optimizer.step()

    contract = Contract(
        modules={"shared_model": policy},
        optimizers={"both": optimizer},
        updates={"update": trains("shared_model")},
    )
    return contract, {"update": update}


def broken() -> tuple[Contract, Updates]:
    return agent(once=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(once=True)
