"""REINFORCE builds a new tensor of its log probabilities.

https://github.com/kengz/SLM-Lab/pull/133: "`torch.tensor` creates a brand new tensor detached from
the computation graph. So no gradient update was done." The new tensor is a leaf that receives the
gradient; there is no error, and the policy does not change.
"""

import torch
from torch import Tensor
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="C2",
    mistake_class="C",
    algorithm="REINFORCE",
    url="https://github.com/kengz/SLM-Lab/pull/133",
    expected=(
        Expected("train", "policy", "starved", Grade.NOTHING, "reached", entry="each.item()"),
    ),
)


def agent(stack: bool) -> tuple[Contract, Updates]:
    policy = q_network()
    optimizer = Adam(policy.parameters(), lr=1e-2)
    batch = random_batch()

    def act(state: Tensor, choice: Tensor) -> Tensor:
        distribution = torch.distributions.Categorical(logits=policy(state))
        return distribution.log_prob(choice)

    def train() -> None:
        log_probabilities = [
            act(state, choice)
            for state, choice in zip(batch.states, batch.choices.squeeze(-1), strict=True)
        ]
        advantages = batch.rewards.squeeze(-1)
        if stack:
            episode = torch.stack(log_probabilities)
        else:
            episode = torch.tensor([each.item() for each in log_probabilities], requires_grad=True)
        policy_loss = -torch.sum(episode * advantages)
        optimizer.zero_grad()
        policy_loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"policy": policy},
        optimizers={"policy": optimizer},
        updates={"train": trains("policy")},
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return agent(stack=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(stack=True)
