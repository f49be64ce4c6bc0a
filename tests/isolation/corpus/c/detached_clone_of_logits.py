"""A GFlowNet detaches the clone of its logits.

https://github.com/alexhernandezgarcia/gflownet/pull/251, "reason why TB was not training well":
"The clone of `policy_outputs` into `logits` in `get_logprobs()` of the base environment was
incorrectly detached". log Z still learns, so the trajectory-balance loss decreases a little.
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="C5",
    mistake_class="C",
    algorithm="GFlowNet, trajectory balance",
    url="https://github.com/alexhernandezgarcia/gflownet/pull/251",
    expected=(
        Expected(
            "trajectory_balance",
            "forward_policy",
            "starved",
            Grade.NOTHING,
            "reached",
            entry="policy_outputs.clone().detach()",
        ),
        Expected(
            "trajectory_balance",
            "backward_policy",
            "starved",
            Grade.NOTHING,
            "reached",
            entry="policy_outputs.clone().detach()",
        ),
    ),
)


def agent(detach: bool) -> tuple[Contract, Updates]:
    forward_policy, backward_policy = q_network(seed=1), q_network(seed=2)
    log_z = nn.Parameter(torch.ones(4) * 0.5)
    optimizer = Adam(
        [
            {"params": [*forward_policy.parameters(), *backward_policy.parameters()], "lr": 1e-3},
            {"params": [log_z], "lr": 1e-1},
        ]
    )
    batch = random_batch()
    log_reward = batch.rewards.abs().log().sum()

    def get_logprobs(policy_outputs: Tensor, actions: Tensor) -> Tensor:
        logits = policy_outputs.clone().detach() if detach else policy_outputs.clone()
        logits[:, 0] = -10.0  # an action that the mask does not allow
        return torch.log_softmax(logits, dim=1).gather(1, actions).squeeze(-1)

    def trajectory_balance() -> None:
        choices = batch.choices.clamp(min=1)
        log_forward = get_logprobs(forward_policy(batch.states), choices).sum()
        log_backward = get_logprobs(backward_policy(batch.next_states), choices).sum()
        loss = (log_z.sum() + log_forward - log_reward - log_backward).pow(2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={
            "forward_policy": forward_policy,
            "backward_policy": backward_policy,
            "log_z": log_z,
        },
        optimizers={"all": optimizer},
        updates={"trajectory_balance": trains("forward_policy", "backward_policy", "log_z")},
    )
    return contract, {"trajectory_balance": trajectory_balance}


def broken() -> tuple[Contract, Updates]:
    return agent(detach=True)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach=False)
