"""False alarm: the actor loss writes into the critic's gradients, which are then cleared.

https://github.com/shariqiqbal2810/maddpg-pytorch/issues/43: does the actor's backward pass
influence the critic's gradient? It does, but the critic's next `zero_grad()` clears it before any
step applies it.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import ACTION, STATE, actor_network, mlp, random_batch

CASE = Case(
    identifier="D4",
    mistake_class="D",
    algorithm="MADDPG",
    url="https://github.com/shariqiqbal2810/maddpg-pytorch/issues/43",
    false_alarm=True,
    reason="the loss may go through the critic, and no step applies the gradient left there",
)


def example() -> tuple[Contract, Updates]:
    policies = nn.ModuleList(actor_network(seed=seed) for seed in (1, 2))
    critic = mlp(2 * (STATE + ACTION), 8, 1, seed=3)
    policy_optimizers = [Adam(policy.parameters(), lr=1e-2) for policy in policies]
    critic_optimizer = Adam(critic.parameters(), lr=1e-2)
    batches = [random_batch(seed=seed) for seed in (4, 5)]
    observations = [batch.states for batch in batches]

    def update_critic() -> None:
        critic_optimizer.zero_grad()
        actions = [batch.actions for batch in batches]
        q = critic(torch.cat([*observations, *actions], dim=1))
        nn.functional.mse_loss(q, batches[0].rewards).backward()
        nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
        critic_optimizer.step()

    def update_policies() -> None:
        for index, optimizer in enumerate(policy_optimizers):
            optimizer.zero_grad()
            pairs = enumerate(zip(policies, observations, strict=True))
            actions = [
                policy(observation) if other == index else policy(observation).detach()
                for other, (policy, observation) in pairs
            ]
            (-critic(torch.cat([*observations, *actions], dim=1)).mean()).backward()
            nn.utils.clip_grad_norm_(policies[index].parameters(), 0.5)
            optimizer.step()

    contract = Contract(
        modules={"policies": policies, "critic": critic},
        optimizers={
            "policy_0": policy_optimizers[0],
            "policy_1": policy_optimizers[1],
            "critic": critic_optimizer,
        },
        updates={
            "update_critic": trains("critic"),
            "update_policies": trains("policies", through="critic"),
        },
    )
    return contract, {"update_critic": update_critic, "update_policies": update_policies}
