"""A supernet that trains the sampled path, while momentum and decay move the other paths.

https://github.com/megvii-model/DetNAS/issues/3: why is `.grad` set to None if its sum is 0?
"Parameters on other paths would be updated by `momentum` and `weight_decay`, if `not p.grad is
None`" (yukang2017). The broken example omits that line.
"""

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch

CASE = Case(
    identifier="M7",
    mistake_class="M",
    algorithm="supernet (non-RL)",
    url="https://github.com/megvii-model/DetNAS/issues/3",
    expected=(
        Expected("sample_left", "right", "moved_by_other", Grade.MOVED, "moved"),
        Expected("sample_right", "left", "moved_by_other", Grade.MOVED, "moved"),
    ),
)


class Supernet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = mlp(STATE, 8, seed=1, output=nn.Tanh())
        self.paths = nn.ModuleDict({"left": mlp(8, 4, 1, seed=2), "right": mlp(8, 4, 1, seed=3)})


def contract_and_updates(*, zeros_to_none: bool) -> tuple[Contract, Updates]:
    net = Supernet()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=4e-5)

    def train(path: str) -> None:
        batch = random_batch()
        loss = (net.paths[path](net.stem(batch.states)) - batch.rewards).pow(2).mean()
        optimizer.zero_grad(set_to_none=False)
        loss.backward()
        if zeros_to_none:
            for parameter in net.parameters():
                if parameter.grad is not None and parameter.grad.sum() == 0:
                    parameter.grad = None
        optimizer.step()

    contract = Contract(
        modules={"stem": net.stem, "left": net.paths["left"], "right": net.paths["right"]},
        optimizers={"optimizer": optimizer},
        updates={"sample_left": trains("stem", "left"), "sample_right": trains("stem", "right")},
    )
    return contract, {"sample_left": lambda: train("left"), "sample_right": lambda: train("right")}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(zeros_to_none=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(zeros_to_none=True)
