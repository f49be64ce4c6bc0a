"""SAC from pixels whose target sync covers the value head, but not the convolutions under it.

https://github.com/hill-a/stable-baselines/issues/854: the synced variables are those of the scope
`values_fn/vf`, which holds "only the mlp on top of the CNN encoding", so "the cnn_extractor
parameters are never updated" in the target (wangzizhao).
"""

import copy

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import mlp, polyak, random_batch

CASE = Case(
    identifier="I4",
    mistake_class="I",
    algorithm="SAC from pixels",
    url="https://github.com/hill-a/stable-baselines/issues/854",
    expected=(Expected("target_update", "target", "starved", Grade.MOVED, "moved"),),
)


class ValuesFunction(nn.Module):
    """Value network over images `[batch, 1, 6, 6]`."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn_extractor = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten())
        self.vf = mlp(48, 8, 1, seed=3)

    def forward(self, images: Tensor) -> Tensor:
        return self.vf(self.cnn_extractor(images))


def contract_and_updates(*, include_extractor: bool) -> tuple[Contract, Updates]:
    torch.manual_seed(0)
    model = ValuesFunction()
    target = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    images, next_images = torch.rand(2, 6, 1, 6, 6)

    def train() -> None:
        batch = random_batch()
        v_backup = (batch.rewards + 0.99 * target(next_images)).detach()
        value_loss = 0.5 * (model(images) - v_backup).pow(2).mean()
        optimizer.zero_grad()
        value_loss.backward()
        optimizer.step()

    def target_update() -> None:
        polyak(target.vf, model.vf, tau=0.005)
        if include_extractor:
            polyak(target.cnn_extractor, model.cnn_extractor, tau=0.005)

    contract = Contract(
        modules={"model": model, "target": target},
        optimizers={"model": optimizer},
        updates={"train": trains("model"), "target_update": follows(target="model")},
    )
    return contract, {"train": train, "target_update": target_update}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(include_extractor=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(include_extractor=True)
