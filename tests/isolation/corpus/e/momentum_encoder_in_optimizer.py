"""CURL's contrastive optimizer holds the momentum encoder.

https://github.com/MishaLaskin/curl/issues/20 asks what `self.CURL.parameters()` puts into
`cpc_optimizer`. Besides the encoder and W, it includes the target's encoder, `encoder_target`: it
does not move, but only because its gradient is None.
"""

import copy

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E10",
    mistake_class="E",
    algorithm="CURL-SAC",
    url="https://github.com/MishaLaskin/curl/issues/20",
    expected=(Expected("update_cpc", "encoder_target", "leaked", Grade.NOTHING, "membership"),),
)


class Curl(nn.Module):
    """Bilinear similarity of a view and a view encoded by the momentum encoder."""

    def __init__(self, encoder: nn.Module, encoder_target: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.encoder_target = encoder_target
        self.similarity = nn.Parameter(torch.eye(8))

    def encode(self, x: torch.Tensor, ema: bool = False) -> torch.Tensor:
        if ema:
            with torch.no_grad():
                return self.encoder_target(x)
        return self.encoder(x)


def agent(exclude_target: bool) -> tuple[Contract, Updates]:
    encoder = mlp(STATE, 8, seed=1, output=nn.Tanh())
    q_function = mlp(8 + ACTION, 8, 1, seed=2)
    curl = Curl(encoder, copy.deepcopy(encoder))
    critic_optimizer = Adam([*encoder.parameters(), *q_function.parameters()], lr=1e-3)
    cpc_optimizer = Adam(
        [
            parameter
            for name, parameter in curl.named_parameters()
            if not (exclude_target and name.startswith("encoder_target"))
        ],
        lr=1e-3,
    )
    batch = random_batch()

    def update_critic() -> None:
        features = encoder(batch.states)
        q = q_function(torch.cat([features, batch.actions], dim=1))
        critic_optimizer.zero_grad()
        nn.functional.mse_loss(q, batch.rewards).backward()
        critic_optimizer.step()

    def update_cpc() -> None:
        anchor, positive = curl.encode(batch.states), curl.encode(batch.next_states, ema=True)
        logits = anchor @ curl.similarity @ positive.T
        cpc_optimizer.zero_grad()
        nn.functional.cross_entropy(logits, torch.arange(len(logits))).backward()
        cpc_optimizer.step()

    contract = Contract(
        modules={
            "encoder": encoder,
            "encoder_target": curl.encoder_target,
            "similarity": curl.similarity,
            "q_function": q_function,
        },
        optimizers={"critic": critic_optimizer, "cpc": cpc_optimizer},
        updates={
            "update_critic": trains("q_function", "encoder"),
            "update_cpc": trains("similarity", "encoder"),
        },
    )
    return contract, {"update_critic": update_critic, "update_cpc": update_cpc}


def broken() -> tuple[Contract, Updates]:
    return agent(exclude_target=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(exclude_target=True)
