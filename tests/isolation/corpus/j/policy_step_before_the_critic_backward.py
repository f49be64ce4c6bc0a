"""False alarm: SPiRL's SAC computes all losses, then updates the policy before the critic.

https://github.com/clvrai/spirl/issues/15: a user asks whether updating the policy first changes the
result. "All the losses are computed before the updates are performed" (kpertsch). In this order no
backward pass goes through a network that has stepped; in the other order one does.
"""

import torch

from ddpg.isolation import Contract, split, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="J4",
    mistake_class="J",
    algorithm="SPiRL SAC",
    url="https://github.com/clvrai/spirl/issues/15",
    false_alarm=True,
    reason="only the policy has stepped before, and the critic's graph does not contain it",
)


def example() -> tuple[Contract, Updates]:
    policy, critic = actor_network(), Critic()
    policy_opt = torch.optim.RAdam(policy.parameters(), lr=3e-4)
    critic_opt = torch.optim.RAdam(critic.parameters(), lr=3e-4)

    def update() -> None:
        batch = random_batch()
        policy_loss = -critic(batch.states, policy(batch.states)).mean()
        with torch.no_grad():
            q_next = critic(batch.next_states, policy(batch.next_states))
            q_target = batch.rewards + (1 - batch.terminated) * 0.99 * q_next
        critic_loss = (critic(batch.states, batch.actions) - q_target).pow(2).mean()
        for optimizer, loss in ((policy_opt, policy_loss), (critic_opt, critic_loss)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    contract = Contract(
        modules={"policy": policy, "critic": critic},
        optimizers={"policy": policy_opt, "critic": critic_opt},
        updates={
            "update": split(policy=trains("policy", through="critic"), critic=trains("critic"))
        },
    )
    return contract, {"update": update}
