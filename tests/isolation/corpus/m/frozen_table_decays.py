"""A constant positional table under a stop-gradient, which AdamW's weight decay shrinks.

https://github.com/extropic-ai/sparse-transformers/pull/3: the table is a parameter of the model,
and AdamW holds the whole model. The table's gradient is zero, and "this silently shrinks the
positional-encoding amplitude during training" (tripathiarpan20). JAX returns zeros where PyTorch
returns None; `materialize_grads` does the same here. The fix is a parameter group without decay.
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch

CASE = Case(
    identifier="M4",
    mistake_class="M",
    algorithm="AdamW (non-RL)",
    url="https://github.com/extropic-ai/sparse-transformers/pull/3",
    expected=(Expected("train", "pe", "moved_by_other", Grade.MOVED, "moved"),),
)


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pe = nn.Parameter(torch.linspace(-1, 1, 6 * STATE).reshape(6, STATE))
        self.blocks = mlp(STATE, 8, 1, seed=1)

    def forward(self, states: Tensor) -> Tensor:
        return self.blocks(states + self.pe.detach())


def contract_and_updates(*, table_decay: float) -> tuple[Contract, Updates]:
    model = Transformer()
    optimizer = torch.optim.AdamW(
        [
            {"params": model.blocks.parameters()},
            {"params": [model.pe], "weight_decay": table_decay},
        ],
        lr=1e-2,
        weight_decay=0.1,
    )
    parameters = list(model.parameters())

    def train() -> None:
        batch = random_batch()
        loss = (model(batch.states) - batch.rewards).pow(2).mean()
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()

    contract = Contract(
        modules={"blocks": model.blocks, "pe": model.pe},
        optimizers={"optimizer": optimizer},
        updates={"train": trains("blocks")},
        holds={"optimizer": ("blocks", "pe")},
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(table_decay=0.1)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(table_decay=0.0)
