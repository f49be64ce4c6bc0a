"""False alarm: a bootstrap value that passed through NumPy.

https://github.com/PacktPublishing/Deep-Reinforcement-Learning-Hands-On-Second-Edition/issues/60:
from reading the code, a reader suspects that the policy loss trains the value network through
`last_vals`. But `.data.cpu().numpy()` drops the graph.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, term, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="B4",
    mistake_class="B",
    algorithm="A2C",
    url="https://github.com/PacktPublishing/Deep-Reinforcement-Learning-Hands-On-Second-Edition/"
    "issues/60",
    false_alarm=True,
    reason="NumPy cuts the bootstrap value, and detach cuts the value in the advantage",
)


def example() -> tuple[Contract, Updates]:
    convolution = mlp(STATE, 8, seed=1, output=nn.ReLU())
    policy, value = mlp(8, CHOICES, seed=2), mlp(8, 1, seed=3)
    parameters = [*convolution.parameters(), *policy.parameters(), *value.parameters()]
    optimizer = Adam(parameters, lr=1e-3, eps=1e-3)
    batch = random_batch()

    def unpack_batch() -> torch.Tensor:
        rewards = batch.rewards.numpy().copy()
        last_values = value(convolution(batch.next_states)).data.cpu().numpy()
        return torch.from_numpy(rewards + 0.99**4 * last_values)

    def train() -> None:
        reference_values = unpack_batch()
        optimizer.zero_grad()
        hidden = convolution(batch.states)
        values = value(hidden)
        value_loss = nn.functional.mse_loss(values, reference_values)
        log_probabilities = torch.log_softmax(policy(hidden), dim=1).gather(1, batch.choices)
        advantage = reference_values - values.detach()
        policy_loss = -(advantage * log_probabilities).mean()
        (term("policy_loss", policy_loss) + term("value_loss", value_loss)).backward()
        nn.utils.clip_grad_norm_(parameters, 0.1)
        optimizer.step()

    contract = Contract(
        modules={"convolution": convolution, "policy": policy, "value": value},
        optimizers={"all": optimizer},
        updates={
            "train": trains(
                "convolution",
                "policy",
                "value",
                terms={
                    "policy_loss": trains("policy", "convolution"),
                    "value_loss": trains("value", "convolution"),
                },
            )
        },
    )
    return contract, {"train": train}
