"""PPO for language models: the value loss reaches the language model.

https://github.com/huggingface/trl/issues/1108: the reporter says that the value loss of an
untrained head, applied to the whole language model, ruins the generated text in the first steps,
and detaches the hidden states.
"""

import torch
from torch import nn
from torch.optim import AdamW

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, mlp, random_batch

CASE = Case(
    identifier="E17",
    mistake_class="E",
    algorithm="PPO-RLHF",
    url="https://github.com/huggingface/trl/issues/1108",
    expected=(
        Expected(
            "step",
            "language_model",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="value_loss",
            entry="= language_model(",
        ),
    ),
)


class LanguageModel(nn.Module):
    """Network from tokens to hidden states: an embedding and one attention layer."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(6)
            self.embedding = nn.Embedding(CHOICES, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        embedded = self.embedding(tokens)
        attended, _ = self.attention(embedded, embedded, embedded, need_weights=False)
        return embedded + attended


def trainer(detach: bool) -> tuple[Contract, Updates]:
    language_model, head = LanguageModel(), mlp(8, CHOICES, seed=7)
    value_head = mlp(8, 1, seed=8)
    modules = {"language_model": language_model, "head": head, "value_head": value_head}
    optimizer = AdamW(nn.ModuleDict(modules).parameters(), lr=1e-3)
    batch = random_batch()
    queries, responses = batch.choices.T[:, :-1], batch.choices.T[:, 1:]
    returns = batch.rewards.T[:, 1:]

    def step() -> None:
        hidden = language_model(queries)
        values = value_head(hidden.detach() if detach else hidden).squeeze(-1)
        log_probabilities = torch.log_softmax(head(hidden), dim=-1)
        chosen = log_probabilities.gather(-1, responses.unsqueeze(-1)).squeeze(-1)
        ratio = torch.exp(chosen - chosen.detach())
        advantages = returns - values.detach()
        policy_loss = term("policy_loss", -(ratio * advantages).mean())
        value_loss = term("value_loss", 0.5 * (values - returns).pow(2).mean())
        optimizer.zero_grad()
        (policy_loss + 0.1 * value_loss).backward()
        optimizer.step()

    contract = Contract(
        modules=modules,
        optimizers={"all": optimizer},
        updates={
            "step": trains(
                "language_model",
                "head",
                "value_head",
                terms={
                    "policy_loss": trains("language_model", "head"),
                    "value_loss": trains("value_head"),
                },
            )
        },
    )
    return contract, {"step": step}


def broken() -> tuple[Contract, Updates]:
    return trainer(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return trainer(detach=True)
