"""The advantage in the policy loss is not detached from the critic.

https://github.com/astariul/encode-attend-navigate-pytorch/issues/2, fixed in pull request 3:
"critic values were not detached when computing policy loss, the critic network was backpropagated
from both the policy loss and critic loss, leading to unstable training".
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="B1",
    mistake_class="B",
    algorithm="actor-critic for the travelling salesman",
    url="https://github.com/astariul/encode-attend-navigate-pytorch/issues/2",
    expected=(
        Expected(
            "train",
            "critic",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="actor_loss",
            entry="critic(batch.states)",
        ),
    ),
)


def agent(detach: bool) -> tuple[Contract, Updates]:
    actor, critic = q_network(), value_network()
    actor_optimizer = Adam(actor.parameters(), lr=3e-4)
    critic_optimizer = Adam(critic.parameters(), lr=3e-4)
    batch = random_batch()
    tour_length = batch.rewards.abs()

    def train() -> None:
        log_probability = torch.log_softmax(actor(batch.states), dim=-1).gather(1, batch.choices)
        predicted_length = critic(batch.states)
        baseline = predicted_length.detach() if detach else predicted_length
        actor_loss = term("actor_loss", ((tour_length - baseline) * log_probability).mean())
        critic_loss = nn.functional.mse_loss(predicted_length, tour_length)

        actor_optimizer.zero_grad()
        critic_optimizer.zero_grad()
        actor_loss.backward(retain_graph=True)
        term("critic_loss", critic_loss).backward()
        actor_optimizer.step()
        critic_optimizer.step()

    contract = Contract(
        modules={"actor": actor, "critic": critic},
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "train": trains(
                "actor",
                "critic",
                terms={"actor_loss": trains("actor"), "critic_loss": trains("critic")},
            )
        },
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return agent(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach=True)
