"""A molecule generator's loss is computed in NumPy and wrapped in a tensor again.

https://github.com/isayev/ReLeaSE/issues/39: a user put `.detach().numpy()` into the policy
gradient's loss. All gradients are None, the step does nothing, and there is no error.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adadelta

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, random_batch

CASE = Case(
    identifier="C4",
    mistake_class="C",
    algorithm="REINFORCE",
    url="https://github.com/isayev/ReLeaSE/issues/39",
    expected=(
        Expected(
            "policy_gradient",
            "generator",
            "starved",
            Grade.NOTHING,
            "reached",
            entry=".detach().numpy()",
        ),
    ),
)


class Generator(nn.Module):
    """Recurrent network that generates a string token by token."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.embedding = nn.Embedding(CHOICES, 6)
            self.recurrent = nn.GRU(6, 8, batch_first=True)
            self.decoder = nn.Linear(8, CHOICES)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden, _ = self.recurrent(self.embedding(tokens))
        return torch.log_softmax(self.decoder(hidden), dim=-1)


def agent(in_torch: bool) -> tuple[Contract, Updates]:
    generator = Generator()
    optimizer = Adadelta(generator.parameters(), lr=0.1)
    tokens = random_batch().choices.T
    reward, gamma = 10.0, 0.97

    def policy_gradient() -> None:
        optimizer.zero_grad()
        log_probabilities = generator(tokens[:, :-1]).gather(-1, tokens[:, 1:].unsqueeze(-1))
        discounts = gamma ** np.arange(log_probabilities.shape[1], dtype=np.float32)
        if in_torch:
            rl_loss = -(log_probabilities.flatten() * reward * torch.from_numpy(discounts)).sum()
        else:
            total = (log_probabilities.flatten().detach().numpy() * reward * discounts).sum()
            rl_loss = torch.tensor(-total, requires_grad=True)
        rl_loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 5.0)
        optimizer.step()

    contract = Contract(
        modules={"generator": generator},
        optimizers={"generator": optimizer},
        updates={"policy_gradient": trains("generator")},
    )
    return contract, {"policy_gradient": policy_gradient}


def broken() -> tuple[Contract, Updates]:
    return agent(in_torch=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(in_torch=True)
