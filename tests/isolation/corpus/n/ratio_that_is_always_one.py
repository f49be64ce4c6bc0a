"""False alarm: GRPO's `exp(logp - logp.detach())` is always 1, but its gradient is not zero.

https://github.com/huggingface/trl/issues/2769: the reporter thinks that the loss cannot train
anything, since its value never depends on the model. The value is constant, but its derivative is
that of `logp`.
"""

import torch

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="N5",
    mistake_class="N",
    algorithm="GRPO",
    url="https://github.com/huggingface/trl/issues/2769",
    false_alarm=True,
    reason="the detached copy cancels only the value: the gradient is the policy gradient",
)


def example() -> tuple[Contract, Updates]:
    model = q_network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)

    def train() -> None:
        batch = random_batch()
        per_token_logps = model(batch.states).log_softmax(-1).gather(1, batch.choices)
        advantages = (batch.rewards - batch.rewards.mean()) / (batch.rewards.std() + 1e-4)
        loss = -((per_token_logps - per_token_logps.detach()).exp() * advantages).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"model": model},
        optimizers={"model": optimizer},
        updates={"train": trains("model")},
    )
    return contract, {"train": train}
