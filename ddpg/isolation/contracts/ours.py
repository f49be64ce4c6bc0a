"""The contract of this project's own agent: each update trains one network and moves no other.

    report = audit(contract(agent), updates(agent, batch), stacked=True)

A loss may go through the modules that it is protected from, and write their `.grad` (under the stop
`optimizer` it does), as long as no step applies that gradient. The optimizers may hold these
modules: under a stop that is the only barrier, they do.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ..contract import Contract, follows, nothing, trains

if TYPE_CHECKING:
    from ddpg.agent import DDPG
    from ddpg.replay import Batch


def contract(agent: "DDPG") -> Contract:
    """Return the contract of the two updates, of Polyak averaging and of acting."""
    bootstrap = tuple(agent.critic_stop.protected)
    return Contract(
        modules=agent.modules,
        optimizers={"critic": agent.critic_optimizer, "actor": agent.actor_optimizer},
        updates={
            "critic_update": trains("critic", through=bootstrap),
            "actor_update": trains("actor", through="critic"),
            "sync": follows(actor_target="actor", critic_target="critic"),
            "acting": nothing(),
        },
        holds={"critic": ("critic", *bootstrap), "actor": ("actor", "critic")},
        restores=[agent.critic_stop, agent.actor_stop],
    )


def updates(agent: "DDPG", batch: "Batch", critic_updates: int = 1) -> dict[str, Callable[[], Any]]:
    """Return the updates of the contract, all on `batch`.

    Args:
        agent: the agent.
        batch: transitions.
        critic_updates: number of the critic's updates for each of the actor (`actor_every`).
    """

    def update_critic() -> Any:
        return [agent.update_critic(batch) for _ in range(critic_updates)][-1]

    return {
        "critic_update": update_critic,
        "actor_update": partial(agent.update_actor, batch),
        "sync": agent.update_targets,
        "acting": partial(agent.act, batch.observation),
    }
