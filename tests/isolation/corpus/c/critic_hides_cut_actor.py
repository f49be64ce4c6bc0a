"""A3C rebuilds its log probabilities with `torch.tensor`, and the value loss hides the cut.

https://github.com/Quantum-Cheese/DeepReinforcementLearning_Pytorch/issues/1: the reporter points at
`torch.tensor(log_probs)`. The sum of the losses still has the critic's graph, so `backward()`
succeeds and the critic learns, while the actor never does.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="C3",
    mistake_class="C",
    algorithm="A3C",
    url="https://github.com/Quantum-Cheese/DeepReinforcementLearning_Pytorch/issues/1",
    expected=(
        Expected(
            "train",
            "actor",
            "starved",
            Grade.NOTHING,
            "reached",
            entry="log_probabilities.tolist()",
        ),
    ),
)


def agent(keep_graph: bool) -> tuple[Contract, Updates]:
    actor, critic = q_network(), value_network()
    optimizer = Adam([*actor.parameters(), *critic.parameters()], lr=1e-3)
    batch = random_batch()

    def train() -> None:
        values = critic(batch.states)
        log_probabilities = torch.log_softmax(actor(batch.states), dim=1).gather(1, batch.choices)
        if not keep_graph:
            log_probabilities = torch.tensor(log_probabilities.tolist())
        advantages = batch.rewards - values
        actor_loss = -(log_probabilities * advantages.detach()).mean()
        loss = actor_loss + nn.functional.mse_loss(values, batch.rewards)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"actor": actor, "critic": critic},
        optimizers={"global": optimizer},
        updates={"train": trains("actor", "critic")},
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return agent(keep_graph=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(keep_graph=True)
