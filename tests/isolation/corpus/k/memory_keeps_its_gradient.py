"""PPO with an LSTM whose memory carries the graph of all previous steps while acting.

https://github.com/Unity-Technologies/ml-agents/pull/5048: "LSTMs would store the memory as a
tensor, and keep a gradient … For long episodes, this caused the graph to explode" (ervteng).
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, nothing
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, random_batch

CASE = Case(
    identifier="K6",
    mistake_class="K",
    algorithm="PPO with an LSTM",
    url="https://github.com/Unity-Technologies/ml-agents/pull/5048",
    expected=(Expected("evaluate", "memories", "leaked", Grade.NOTHING, "stored"),),
)


class RecurrentActor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTMCell(STATE, 8)
        self.mean = nn.Linear(8, ACTION)

    def forward(
        self, states: Tensor, memory: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        memory = self.lstm(states, memory)
        return self.mean(memory[0]), memory


def contract_and_updates(*, detach: bool) -> tuple[Contract, Updates]:
    torch.manual_seed(0)
    actor = RecurrentActor()
    memories = {"agent-0": (torch.zeros(6, 8), torch.zeros(6, 8))}

    def evaluate() -> None:
        _, (hidden, cell) = actor(random_batch().states, memories["agent-0"])
        memories["agent-0"] = (hidden.detach(), cell.detach()) if detach else (hidden, cell)

    contract = Contract(
        modules={"actor": actor},
        updates={"evaluate": nothing()},
        keeps={"memories": memories},
    )
    return contract, {"evaluate": evaluate}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(detach=True)
