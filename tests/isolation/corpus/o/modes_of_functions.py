"""Declared modes of a network that is run as a function of its parameters.

A freeze shows in the graph: the loss has no path to a detached parameter. The mode of a function
cannot be checked, which is a finding too.
"""

from functools import partial

import torch
from torch.func import functional_call

from ddpg.isolation import Contract, Grade, Permission, trains
from ddpg.isolation.results import Kind
from tests.isolation.corpus.case import Expected, Style, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch


def example(
    permission: Permission, *, detached: bool = True, as_module: bool = False
) -> tuple[Contract, Updates]:
    actor, critic = actor_network(), Critic()
    parameters = dict(critic.named_parameters())
    optimizer = torch.optim.Adam(actor.parameters())
    batch = random_batch()
    critic.eval()

    def actor_update() -> None:
        used = {name: p.detach() if detached else p for name, p in parameters.items()}
        action = actor(batch.states)
        optimizer.zero_grad()
        (-functional_call(critic, used, (batch.states, action)).mean()).backward()
        optimizer.step()

    contract = Contract(
        modules={"actor": actor, "agent.critic": critic if as_module else parameters},
        optimizers={"actor": optimizer},
        updates={"actor_update": permission},
    )
    return contract, {"actor_update": actor_update}


def expected(grade: Grade, kind: Kind = "modes") -> tuple[Expected, ...]:
    return (Expected("actor_update", "agent.critic", "leaked", grade, kind),)


FROZEN = trains("actor", through="agent.critic", frozen="agent.critic")
EVAL = trains("actor", frozen="agent.critic", eval_mode="agent.critic")
STYLES = {
    "frozen": Style(
        "LeanRL",
        partial(example, FROZEN),
        partial(example, FROZEN, detached=False),
        expected(Grade.NONZERO),
    ),
    "mode": Style(
        "LeanRL",
        partial(example, EVAL, as_module=True),
        partial(example, EVAL),
        expected(Grade.NOTHING),
    ),
}
