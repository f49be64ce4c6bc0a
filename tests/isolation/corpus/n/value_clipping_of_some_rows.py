"""False alarm: in PPO's clipped value loss, a row whose value left the range has no gradient.

https://github.com/DLR-RM/stable-baselines3/issues/159: "is … clipped predict values has gradient"
(wujiren, who measured that it has none). This is intended: the rows within the range train the
critic.
"""

import torch
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import random_batch, value_network

CASE = Case(
    identifier="N8",
    mistake_class="N",
    algorithm="PPO",
    url="https://github.com/DLR-RM/stable-baselines3/issues/159",
    false_alarm=True,
    reason="only the clipped rows have a zero gradient; the others train every parameter",
)


def example() -> tuple[Contract, Updates]:
    critic = value_network()
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-4, eps=1e-5)
    clip_range_vf = 0.2
    drift = torch.linspace(-0.5, 0.5, 6)[:, None]
    old_values = critic(random_batch().states).detach() + drift

    def train() -> None:
        batch = random_batch()
        change = critic(batch.states) - old_values
        values_pred = old_values + change.clamp(-clip_range_vf, clip_range_vf)
        value_loss = mse_loss(batch.rewards, values_pred)
        optimizer.zero_grad()
        value_loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"critic": critic},
        optimizers={"critic": optimizer},
        updates={"train": trains("critic")},
    )
    return contract, {"train": train}
