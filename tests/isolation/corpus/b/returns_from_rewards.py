"""False alarm: returns that need no detach.

https://github.com/bentrevett/pytorch-rl/issues/3: is a `detach()` missing on the returns? No:
returns are sums of rewards, computed without any network.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="B14",
    mistake_class="B",
    algorithm="A2C",
    url="https://github.com/bentrevett/pytorch-rl/issues/3",
    false_alarm=True,
    reason="returns are sums of rewards and have no graph; only the value needs the detach",
)


def example() -> tuple[Contract, Updates]:
    actor, critic = q_network(), value_network()
    optimizer = Adam([*actor.parameters(), *critic.parameters()], lr=1e-2)
    batch = random_batch()

    def calculate_returns() -> torch.Tensor:
        returns, following = [], 0.0
        for reward in reversed(batch.rewards.squeeze(-1).tolist()):
            following = reward + 0.99 * following
            returns.insert(0, following)
        result = torch.tensor(returns)
        return (result - result.mean()) / result.std()

    def update() -> None:
        returns = calculate_returns()
        values = critic(batch.states).squeeze(-1)
        log_probabilities = torch.log_softmax(actor(batch.states), dim=-1)
        chosen = log_probabilities.gather(1, batch.choices).squeeze(-1)
        advantages = (returns - values).detach()
        policy_loss = -(advantages * chosen).sum()
        value_loss = nn.functional.smooth_l1_loss(returns, values).sum()
        optimizer.zero_grad()
        policy_loss.backward()
        value_loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"actor": actor, "critic": critic},
        optimizers={"both": optimizer},
        updates={"update": trains("actor", "critic")},
    )
    return contract, {"update": update}
