"""A functional actor-critic differentiates the actor loss for the critic's parameters too.

https://github.com/SwarmRL/SwarmRL/pull/99: "Removed backpropagation of actor_loss through critic
network" ("Great catch"). The original is in JAX: parameters are dictionaries, the loss computes the
advantage from the critic, and one gradient is taken for both networks.
"""

import torch
from torch import Tensor
from torch.func import functional_call
from torch.optim import SGD

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="B5",
    mistake_class="B",
    algorithm="actor-critic (JAX)",
    url="https://github.com/SwarmRL/SwarmRL/pull/99",
    expected=(
        Expected(
            "update",
            "critic_parameters",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="actor_loss",
            entry="functional_call(critic",
        ),
    ),
)


def agent(stop_gradient: bool) -> tuple[Contract, Updates]:
    actor, critic = q_network(), value_network()
    actor_parameters = {name: value.clone().detach() for name, value in actor.named_parameters()}
    critic_parameters = {name: value.clone().detach() for name, value in critic.named_parameters()}
    leaves = [
        value.requires_grad_()
        for value in (*actor_parameters.values(), *critic_parameters.values())
    ]
    optimizer = SGD(leaves, lr=1e-2)
    batch = random_batch()

    def loss() -> Tensor:
        logits = functional_call(actor, actor_parameters, (batch.states,))
        predicted_values = functional_call(critic, critic_parameters, (batch.states,))
        log_probabilities = torch.log_softmax(logits, dim=-1).gather(1, batch.choices)
        advantage = batch.rewards - predicted_values
        if stop_gradient:
            advantage = advantage.detach()
        actor_loss = -(log_probabilities * advantage).sum()
        critic_loss = torch.nn.functional.huber_loss(predicted_values, batch.rewards)
        return term("actor_loss", actor_loss) + 0.5 * term("critic_loss", critic_loss)

    def update() -> None:
        for parameter, gradient in zip(leaves, torch.autograd.grad(loss(), leaves), strict=True):
            parameter.grad = gradient
        optimizer.step()

    contract = Contract(
        modules={"actor_parameters": actor_parameters, "critic_parameters": critic_parameters},
        optimizers={"both": optimizer},
        updates={
            "update": trains(
                "actor_parameters",
                "critic_parameters",
                terms={
                    "actor_loss": trains("actor_parameters"),
                    "critic_loss": trains("critic_parameters"),
                },
            )
        },
    )
    return contract, {"update": update}


def broken() -> tuple[Contract, Updates]:
    return agent(stop_gradient=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(stop_gradient=True)
