"""DDPG detaches the critic's own value instead of the target.

https://github.com/Jacklinkk/Graph_CAVs/issues/9: ChenqiuXD found `critic_value.detach()` in the
critic loss. `backward()` succeeds, since the target has a graph: the target networks accumulate
gradients, the critic gets none and never trains, and the actor follows a random critic.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch

CASE = Case(
    identifier="C1",
    mistake_class="C",
    algorithm="DDPG",
    url="https://github.com/Jacklinkk/Graph_CAVs/issues/9",
    expected=(
        Expected(
            "critic_update",
            "critic",
            "starved",
            Grade.NOTHING,
            "reached",
            entry="critic_value.detach()",
        ),
        Expected(
            "critic_update",
            "critic_target",
            "leaked",
            Grade.NONZERO,
            "written",
            entry="= critic_target(",
        ),
        Expected(
            "critic_update",
            "actor_target",
            "leaked",
            Grade.NONZERO,
            "written",
            entry="= actor_target(",
        ),
    ),
)


def agent(detach_target: bool) -> tuple[Contract, Updates]:
    actor, critic = actor_network(), Critic()
    # The targets differ from the online networks, as they do during a training.
    actor_target, critic_target = actor_network(seed=11), Critic(seed=12)
    actor_optimizer = Adam(actor.parameters(), lr=1e-4)
    critic_optimizer = Adam(critic.parameters(), lr=1e-3)
    batch = random_batch()

    def critic_update() -> None:
        target_actions = actor_target(batch.next_states)
        next_critic_value = critic_target(batch.next_states, target_actions)
        critic_value = critic(batch.states, batch.actions)
        target = batch.rewards + 0.99 * next_critic_value * (1 - batch.terminated)
        if detach_target:
            critic_loss = nn.functional.smooth_l1_loss(critic_value, target.detach())
        else:
            critic_loss = nn.functional.smooth_l1_loss(critic_value.detach(), target)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

    def actor_update() -> None:
        actor_loss = -torch.mean(critic(batch.states, actor(batch.states)))
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    def synchronize_target() -> None:
        polyak(critic_target, critic, tau=0.01)
        polyak(actor_target, actor, tau=0.01)

    contract = Contract(
        modules={
            "actor": actor,
            "critic": critic,
            "actor_target": actor_target,
            "critic_target": critic_target,
        },
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic"),
            "actor_update": trains("actor", through="critic"),
            "sync": follows(actor_target="actor", critic_target="critic"),
        },
    )
    return contract, {
        "critic_update": critic_update,
        "actor_update": actor_update,
        "sync": synchronize_target,
    }


def broken() -> tuple[Contract, Updates]:
    return agent(detach_target=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach_target=True)
