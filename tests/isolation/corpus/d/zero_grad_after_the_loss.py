"""False alarm: `zero_grad()` after the loss is computed and before its backward pass.

https://github.com/vy007vikas/PyTorch-ActorCriticRL/issues/7 asks whether the order is wrong. A
forward pass writes no `.grad`; only the order of `zero_grad()` and `backward()` matters.
"""

import copy

from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, follows, split, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="D6",
    mistake_class="D",
    algorithm="DDPG",
    url="https://github.com/vy007vikas/PyTorch-ActorCriticRL/issues/7",
    false_alarm=True,
    reason="the gradients are cleared before backward writes, wherever the loss was computed",
)


def example() -> tuple[Contract, Updates]:
    actor, critic = actor_network(), Critic()
    target_actor, target_critic = copy.deepcopy(actor), copy.deepcopy(critic)
    actor_optimizer = Adam(actor.parameters(), lr=1e-3)
    critic_optimizer = Adam(critic.parameters(), lr=1e-3)
    batch = random_batch()

    def optimize() -> None:
        next_actions = target_actor(batch.next_states).detach()
        next_values = target_critic(batch.next_states, next_actions).detach()
        expected = batch.rewards + 0.99 * next_values
        loss_critic = nn.functional.smooth_l1_loss(critic(batch.states, batch.actions), expected)
        critic_optimizer.zero_grad()
        loss_critic.backward()
        critic_optimizer.step()

        loss_actor = -critic(batch.states, actor(batch.states)).sum()
        actor_optimizer.zero_grad()
        loss_actor.backward()
        actor_optimizer.step()

        for target, source in ((target_actor, actor), (target_critic, critic)):
            for slow, fast in zip(target.parameters(), source.parameters(), strict=True):
                slow.data.copy_(slow.data * (1.0 - 0.001) + fast.data * 0.001)

    contract = Contract(
        modules={
            "actor": actor,
            "critic": critic,
            "target_actor": target_actor,
            "target_critic": target_critic,
        },
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "optimize": split(
                critic=trains("critic"),
                actor=trains("actor", through="critic"),
                rest=follows(target_actor="actor", target_critic="critic"),
            )
        },
    )
    return contract, {"optimize": optimize}
