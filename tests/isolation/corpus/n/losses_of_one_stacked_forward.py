"""False alarm: TD3's two losses share a stacked forward pass; the gradient across is zero.

https://github.com/pytorch/rl/issues/1187: "I believe that the TD3 loss might accidentally leak
critic gradients into the actor" (smorad), since the second backward pass needs the graph of the
first. The critic's loss does reach the actor through the stacked actions, but with a zero gradient.
"""

import torch
from torch import Tensor
from torch.func import functional_call

from ddpg.isolation import Contract, split, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="N1",
    mistake_class="N",
    algorithm="TD3",
    url="https://github.com/pytorch/rl/issues/1187",
    false_alarm=True,
    reason="a loss does not use the other's part of the stack: its gradient there is exactly zero",
)


class TD3Loss:
    def __init__(self) -> None:
        self.actor, self.qvalue = actor_network(), Critic()

    def __call__(self) -> tuple[Tensor, Tensor]:
        """Return actor loss and critic loss from one critic call on the stacked actions."""
        batch = random_batch()
        parameters = dict(self.qvalue.named_parameters())
        detached = {name: parameter.detach() for name, parameter in parameters.items()}
        stacked = {name: torch.stack([detached[name], parameters[name]]) for name in parameters}
        actions = torch.stack([self.actor(batch.states), batch.actions])

        def value(weights: dict[str, Tensor], actions: Tensor) -> Tensor:
            return functional_call(self.qvalue, weights, (batch.states, actions))

        actor_values, replay_values = torch.vmap(value)(stacked, actions)
        return -actor_values.mean(), (replay_values - batch.rewards).pow(2).mean()


def example() -> tuple[Contract, Updates]:
    loss_module = TD3Loss()
    optimizer_actor = torch.optim.Adam(loss_module.actor.parameters(), lr=1e-3)
    optimizer_qvalue = torch.optim.Adam(loss_module.qvalue.parameters(), lr=1e-3)

    def train() -> None:
        loss_actor, loss_qvalue = loss_module()
        optimizer_actor.zero_grad()
        optimizer_qvalue.zero_grad()
        loss_qvalue.backward(retain_graph=True)
        optimizer_qvalue.step()
        loss_actor.backward()
        optimizer_actor.step()

    contract = Contract(
        modules={"actor": loss_module.actor, "qvalue": loss_module.qvalue},
        optimizers={"actor": optimizer_actor, "qvalue": optimizer_qvalue},
        updates={"train": split(actor=trains("actor"), qvalue=trains("qvalue"))},
    )
    return contract, {"train": train}
