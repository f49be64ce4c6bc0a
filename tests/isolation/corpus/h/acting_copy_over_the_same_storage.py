"""False alarm: FastTD3's `actor_detach` is never updated, but uses the actor's storage.

https://github.com/younggyoseo/FastTD3/issues/5: "it seems that actor_detach has never been updated"
(pinkmoon-io). Its parameters are other objects than the actor's, created by
`from_module(actor).data.to_module(actor_detach)` over the same storage.
"""

import torch
from torch import nn

from ddpg.isolation import Contract, nothing, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="H7",
    mistake_class="H",
    algorithm="FastTD3",
    url="https://github.com/younggyoseo/FastTD3/issues/5",
    false_alarm=True,
    reason="the sharing is declared: the acting copy uses the actor's storage without its graph",
)


def detached_copy(actor: nn.Sequential) -> nn.Sequential:
    """Return a second actor whose parameters are `.data` of the first actor's."""
    detached = actor_network(seed=9)
    for layer, own in zip(actor, detached, strict=True):
        for name, parameter in layer.named_parameters():
            setattr(own, name, nn.Parameter(parameter.data, requires_grad=False))
    return detached


def example() -> tuple[Contract, Updates]:
    actor, critic = actor_network(), Critic()
    actor_detach = detached_copy(actor)
    actor_optimizer = torch.optim.AdamW(actor.parameters(), lr=3e-4, weight_decay=0.1)

    def act() -> None:
        actor_detach(random_batch().states)

    def update_actor() -> None:
        states = random_batch().states
        actor_loss = -critic(states, actor(states)).mean()
        actor_optimizer.zero_grad(set_to_none=True)
        actor_loss.backward()
        actor_optimizer.step()

    contract = Contract(
        modules={"actor": actor, "actor_detach": actor_detach, "critic": critic},
        shared={"actor": ("actor_detach",)},
        optimizers={"actor": actor_optimizer},
        updates={"acting": nothing(), "actor_update": trains("actor", through="critic")},
    )
    return contract, {"acting": act, "actor_update": update_actor}
