"""False alarm: MoCo's optimizer also holds the momentum encoder, which weight decay could shrink.

https://github.com/facebookresearch/moco/issues/14: should `model.parameters()` not be
`encoder_q.parameters()`? "`torch.optim.SGD` does not apply weight decay to parameters that do not
have gradients" (ppwwyyxx): the key encoder requires no grad, so its `.grad` stays None.
"""

import copy

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import STATE, mlp, polyak, random_batch

CASE = Case(
    identifier="M3",
    mistake_class="M",
    algorithm="MoCo (non-RL)",
    url="https://github.com/facebookresearch/moco/issues/14",
    false_alarm=True,
    reason="SGD skips parameters whose gradient is None, and the contract lets it hold them",
)


class MoCo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder_q = mlp(STATE, 8, 4, seed=1)
        self.encoder_k = copy.deepcopy(self.encoder_q).requires_grad_(requires_grad=False)


def example() -> tuple[Contract, Updates]:
    model = MoCo()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)

    def train() -> None:
        batch = random_batch()
        queries = normalize(model.encoder_q(batch.states), dim=1)
        with torch.no_grad():
            polyak(model.encoder_k, model.encoder_q, tau=0.001)
            keys = normalize(model.encoder_k(batch.states + 0.1), dim=1)
        loss = cross_entropy(queries @ keys.T / 0.07, torch.arange(len(queries)))
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"encoder_q": model.encoder_q, "encoder_k": model.encoder_k},
        optimizers={"optimizer": optimizer},
        updates={"train": trains("encoder_q", follows={"encoder_k": "encoder_q"})},
        holds={"optimizer": "encoder_k"},
        equal_at_start={"encoder_k": "encoder_q"},
    )
    return contract, {"train": train}
