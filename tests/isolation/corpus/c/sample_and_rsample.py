"""False alarm: SAC samples without a gradient for the critic and with one for the actor.

https://github.com/pranz24/pytorch-soft-actor-critic/issues/5: a user asks whether `sample` or
`rsample` is right. The author explains which loss needs which: the policy loss differentiates
through the action, the target does not.
"""

import copy

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.optim import Adam

from ddpg.isolation import Contract, follows, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import ACTION, STATE, Critic, mlp, polyak, random_batch

CASE = Case(
    identifier="C13",
    mistake_class="C",
    algorithm="SAC",
    url="https://github.com/pranz24/pytorch-soft-actor-critic/issues/5",
    false_alarm=True,
    reason="sample is used where the policy is not trained, rsample where it is trained",
)


def example() -> tuple[Contract, Updates]:
    policy, critic = mlp(STATE, 8, 2 * ACTION, seed=1), Critic()
    critic_target = copy.deepcopy(critic)
    policy_optimizer = Adam(policy.parameters(), lr=3e-4)
    critic_optimizer = Adam(critic.parameters(), lr=3e-4)
    batch = random_batch()

    def distribution(states: Tensor) -> Normal:
        mean, log_std = policy(states).chunk(2, dim=-1)
        return Normal(mean, log_std.clamp(-2, 2).exp())

    def critic_update() -> None:
        following = distribution(batch.next_states)
        next_actions = following.sample()
        with torch.no_grad():
            entropy = -following.log_prob(next_actions).sum(dim=-1, keepdim=True)
            next_value = critic_target(batch.next_states, next_actions) + 0.2 * entropy
            target = batch.rewards + 0.99 * (1 - batch.terminated) * next_value
        critic_optimizer.zero_grad()
        nn.functional.mse_loss(critic(batch.states, batch.actions), target).backward()
        critic_optimizer.step()

    def policy_update() -> None:
        current = distribution(batch.states)
        actions = current.rsample()
        log_probabilities = current.log_prob(actions).sum(dim=-1, keepdim=True)
        policy_loss = (0.2 * log_probabilities - critic(batch.states, actions)).mean()
        policy_optimizer.zero_grad()
        policy_loss.backward()
        policy_optimizer.step()

    contract = Contract(
        modules={"policy": policy, "critic": critic, "critic_target": critic_target},
        optimizers={"policy": policy_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic"),
            "policy_update": trains("policy", through="critic"),
            "sync": follows(critic_target="critic"),
        },
    )
    return contract, {
        "critic_update": critic_update,
        "policy_update": policy_update,
        "sync": lambda: polyak(critic_target, critic, tau=0.005),
    }
