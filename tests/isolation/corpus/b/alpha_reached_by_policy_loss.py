"""False alarm: the policy loss reaches alpha, but only the policy's gradient is computed.

https://github.com/rail-berkeley/softlearning/issues/60: "alpha is reached by the actor loss". It
is, but safely: the optimizer's `var_list` contains only the policy's variables.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="B7",
    mistake_class="B",
    algorithm="SAC",
    url="https://github.com/rail-berkeley/softlearning/issues/60",
    false_alarm=True,
    reason="alpha is reached, but only the policy's gradient is computed and written",
)


def example() -> tuple[Contract, Updates]:
    policy, q = actor_network(), Critic()
    log_alpha = nn.Parameter(torch.zeros(()))
    policy_optimizer = Adam(policy.parameters(), lr=3e-4)
    alpha_optimizer = Adam([log_alpha], lr=3e-4)
    batch = random_batch()
    noise, target_entropy = batch.actions, -2.0

    def sample() -> tuple[torch.Tensor, torch.Tensor]:
        distribution = torch.distributions.Normal(policy(batch.states), 0.3)
        actions = distribution.mean + 0.3 * noise
        return actions, distribution.log_prob(actions.detach()).sum(dim=-1, keepdim=True)

    def policy_update() -> None:
        actions, log_probabilities = sample()
        alpha = log_alpha.exp()
        policy_loss = (alpha * log_probabilities - q(batch.states, actions)).mean()
        var_list = list(policy.parameters())
        policy_loss.backward(inputs=var_list)
        policy_optimizer.step()
        policy_optimizer.zero_grad()

    def alpha_update() -> None:
        _, log_probabilities = sample()
        alpha_loss = -(log_alpha * (log_probabilities + target_entropy).detach()).mean()
        (log_alpha.grad,) = torch.autograd.grad(alpha_loss, [log_alpha])
        alpha_optimizer.step()

    contract = Contract(
        modules={"policy": policy, "q": q, "log_alpha": log_alpha},
        optimizers={"policy": policy_optimizer, "alpha": alpha_optimizer},
        updates={"policy_update": trains("policy"), "alpha_update": trains("log_alpha")},
    )
    return contract, {"policy_update": policy_update, "alpha_update": alpha_update}
