"""A tied weight that `load_state_dict(assign=True)` turns into two Parameters over one storage.

https://github.com/pytorch/pytorch/issues/188346: "an optimizer constructed from the loaded module
updates the formerly shared weight twice, doubling its effective step" (Sunt-ing). A state dict
saved by PyTorch keeps both names on one storage, but the two Parameters are distinct objects.
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, random_batch

CASE = Case(
    identifier="H9",
    mistake_class="H",
    algorithm="world model with tied encoder and decoder",
    url="https://github.com/pytorch/pytorch/issues/188346",
    expected=(Expected("update", "model", "leaked", Grade.MOVED, "membership"),),
)


class Tied(nn.Module):
    """Encoder and decoder with one weight matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(STATE, STATE, bias=False)
        self.project = nn.Linear(STATE, STATE, bias=False)
        self.project.weight = self.embed.weight

    def forward(self, states: Tensor) -> Tensor:
        return self.project(self.embed(states).tanh())


def contract_and_updates(model: Tied) -> tuple[Contract, Updates]:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)

    def update() -> None:
        states = random_batch().states
        loss = (model(states) - states).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"model": model},
        optimizers={"model": optimizer},
        updates={"update": trains("model")},
    )
    return contract, {"update": update}


def loaded(*, assign: bool) -> Tied:
    torch.manual_seed(0)
    model, saved = Tied(), Tied().state_dict()
    model.load_state_dict(saved, assign=assign)
    return model


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(loaded(assign=True))


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(loaded(assign=False))
