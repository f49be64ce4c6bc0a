"""PPO that appends its LSTM's state to the experience before detaching it.

https://github.com/Metta-AI/metta/pull/1139: "computational graphs with LSTM state were persisting
into the experience replay buffer when they're supposed to be detached" (relh). The states are
nested deep in objects, and training from them raises no error.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, nothing, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, random_batch

CASE = Case(
    identifier="K7",
    mistake_class="K",
    algorithm="PPO with an LSTM",
    url="https://github.com/Metta-AI/metta/pull/1139",
    expected=(Expected("rollout", "experience", "leaked", Grade.NOTHING, "stored"),),
)


@dataclass
class Experience:
    states: list[Tensor] = field(default_factory=list)
    lstm_states: list[dict[str, Tensor]] = field(default_factory=list)


class Policy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(STATE, 8)
        self.logits = nn.Linear(8, CHOICES)


class Trainer:
    def __init__(self) -> None:
        torch.manual_seed(0)
        self.policy = Policy()
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=1e-3)
        self.experience = Experience()

    def rollout(self, *, detach: bool) -> None:
        states = random_batch().states
        _, (hidden, cell) = self.policy.lstm(states[None])
        if detach:
            hidden, cell = hidden.detach(), cell.detach()
        self.experience.states.append(states)
        self.experience.lstm_states.append({"hidden": hidden, "cell": cell})

    def train(self) -> None:
        states = self.experience.states[-1]
        start = {name: state.detach() for name, state in self.experience.lstm_states[-1].items()}
        outputs, _ = self.policy.lstm(states[None], (start["hidden"], start["cell"]))
        log_p = self.policy.logits(outputs[0]).log_softmax(-1)
        loss = -log_p.gather(1, random_batch().choices).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def contract_and_updates(*, detach: bool) -> tuple[Contract, Updates]:
    trainer = Trainer()
    contract = Contract(
        modules={"policy": trainer.policy},
        optimizers={"policy": trainer.optimizer},
        updates={"rollout": nothing(), "train": trains("policy")},
        keeps={"experience": trainer.experience},
        restores=[trainer.experience],
    )
    return contract, {"rollout": lambda: trainer.rollout(detach=detach), "train": trainer.train}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(detach=True)
