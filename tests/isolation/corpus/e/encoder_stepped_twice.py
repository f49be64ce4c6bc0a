"""CURL steps its encoder twice with one gradient.

https://github.com/MishaLaskin/curl/issues/20: "if you intend `self.cpc_optimizer` to only optimise
W", it should not hold `self.CURL.parameters()`: "encoder is optimised twice, once in
`encoder_optimizer` and again in `cpc_optimizer`."
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, split, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch

CASE = Case(
    identifier="E10",
    mistake_class="E",
    algorithm="CURL-SAC",
    url="https://github.com/MishaLaskin/curl/issues/20",
    expected=(
        Expected(
            "update_cpc/cpc",
            "encoder",
            "leaked",
            Grade.MOVED,
            "moved",
            entry="self.encoder(anchor)",
        ),
        Expected("update_cpc/cpc", "encoder", "leaked", Grade.MOVED, "membership"),
    ),
)


class Curl(nn.Module):
    """Bilinear similarity of two encoded views."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.similarity = nn.Parameter(torch.eye(8))

    def logits(self, anchor: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
        projected = self.encoder(anchor) @ self.similarity @ positive.T
        return projected - projected.max(dim=1, keepdim=True).values.detach()


def agent(similarity_only: bool) -> tuple[Contract, Updates]:
    encoder = mlp(STATE, 8, seed=1, output=nn.Tanh())
    momentum_encoder = mlp(STATE, 8, seed=2, output=nn.Tanh())
    curl = Curl(encoder)
    encoder_optimizer = Adam(encoder.parameters(), lr=1e-3)
    cpc_parameters = [curl.similarity] if similarity_only else curl.parameters()
    cpc_optimizer = Adam(cpc_parameters, lr=1e-3)
    batch = random_batch()

    def update_cpc() -> None:
        with torch.no_grad():
            positive = momentum_encoder(batch.next_states)
        logits = curl.logits(batch.states, positive)
        loss = nn.functional.cross_entropy(logits, torch.arange(len(logits)))
        encoder_optimizer.zero_grad()
        cpc_optimizer.zero_grad()
        loss.backward()
        encoder_optimizer.step()
        cpc_optimizer.step()

    contract = Contract(
        modules={
            "encoder": encoder,
            "momentum_encoder": momentum_encoder,
            "similarity": curl.similarity,
        },
        optimizers={"encoder": encoder_optimizer, "cpc": cpc_optimizer},
        updates={
            "update_cpc": split(
                encoder=trains("encoder", through="similarity"),
                cpc=trains("similarity", through="encoder"),
            )
        },
    )
    return contract, {"update_cpc": update_cpc}


def broken() -> tuple[Contract, Updates]:
    return agent(similarity_only=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(similarity_only=True)
