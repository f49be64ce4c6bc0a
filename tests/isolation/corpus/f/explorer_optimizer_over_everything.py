"""Plan2Explore's exploration optimizer holds all parameters, including the world model's.

https://github.com/NM512/dreamerv3-torch/pull/36 (merged): the module that contains the ensemble
also contains the world model, and `self.parameters()` returns both. Training was bad "even in
simple environments".
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import STATE, mlp, random_batch

CASE = Case(
    identifier="F4",
    mistake_class="F",
    algorithm="Plan2Explore",
    url="https://github.com/NM512/dreamerv3-torch/pull/36",
    expected=(
        Expected(
            "explore",
            "world_model",
            "leaked",
            Grade.MOVED,
            "moved",
            entry="self.world_model(states)",
        ),
        Expected("explore", "world_model", "leaked", Grade.MOVED, "membership"),
    ),
)


class Plan2Explore(nn.Module):
    """Ensemble that predicts the world model's next feature from the current one."""

    def __init__(self, world_model: nn.Module) -> None:
        super().__init__()
        self.world_model = world_model
        self.networks = nn.ModuleList(mlp(5, 8, 5, seed=seed) for seed in (3, 4, 5))

    def ensemble_loss(self, states: Tensor, next_states: Tensor) -> Tensor:
        inputs, target = self.world_model(states), self.world_model(next_states).detach()
        predictions = [head(inputs) for head in self.networks]
        return torch.stack([nn.functional.mse_loss(each, target) for each in predictions]).mean()


def agent(networks_only: bool) -> tuple[Contract, Updates]:
    world_model, decoder = mlp(STATE, 5, seed=1, output=nn.Tanh()), mlp(5, STATE, seed=2)
    explorer = Plan2Explore(world_model)
    model_optimizer = Adam([*world_model.parameters(), *decoder.parameters()], lr=1e-4)
    explorer_optimizer = Adam(
        explorer.networks.parameters() if networks_only else explorer.parameters(), lr=1e-4
    )
    batch = random_batch()

    def train_world_model() -> None:
        model_optimizer.zero_grad()
        nn.functional.mse_loss(decoder(world_model(batch.states)), batch.states).backward()
        model_optimizer.step()

    def explore() -> None:
        explorer_optimizer.zero_grad()
        explorer.ensemble_loss(batch.states, batch.next_states).backward()
        explorer_optimizer.step()

    contract = Contract(
        modules={"world_model": world_model, "decoder": decoder, "ensemble": explorer.networks},
        optimizers={"model": model_optimizer, "explorer": explorer_optimizer},
        updates={
            "train_world_model": trains("world_model", "decoder"),
            "explore": trains("ensemble", through="world_model"),
        },
    )
    return contract, {"train_world_model": train_world_model, "explore": explore}


def broken() -> tuple[Contract, Updates]:
    return agent(networks_only=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(networks_only=True)
