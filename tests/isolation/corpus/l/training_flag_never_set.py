"""DDPG with BatchNorm that never sets the training flag.

https://github.com/keras-team/keras-io/issues/198: the training flag "is never altered. Effectively
… normalization has no effect" (lubiluk). Inference is the default in Keras, and the mode of a
PyTorch network after `eval()`. The parameters train, but the running statistics keep their initial
values.
"""

import torch

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import random_batch
from tests.isolation.corpus.parts_modes import NormalizedCritic

CASE = Case(
    identifier="L2",
    mistake_class="L",
    algorithm="DDPG with BatchNorm",
    url="https://github.com/keras-team/keras-io/issues/198",
    expected=(Expected("critic_update", "critic_model", "leaked", Grade.MOVED, "modes"),),
)


def contract_and_updates(*, training: bool) -> tuple[Contract, Updates]:
    critic_model = NormalizedCritic().eval()
    optimizer = torch.optim.Adam(critic_model.parameters(), lr=2e-3)

    def update() -> None:
        batch = random_batch()
        critic_model.train(training)
        y = batch.rewards
        critic_loss = (y - critic_model(batch.states, batch.actions)).square().mean()
        optimizer.zero_grad()
        critic_loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"critic_model": critic_model},
        optimizers={"critic_model": optimizer},
        updates={"critic_update": trains("critic_model", train_mode="critic_model")},
    )
    return contract, {"critic_update": update}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(training=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(training=True)
