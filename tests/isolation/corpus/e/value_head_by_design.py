"""False alarm: the value head of PPO for language models trains the model on purpose.

https://github.com/huggingface/trl/issues/299: "I cannot find any code that explicitly cut it off,
just to double check!" There is no such code, by design: policy loss and value loss both train the
language model.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, nothing, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="E16",
    mistake_class="E",
    algorithm="PPO-RLHF",
    url="https://github.com/huggingface/trl/issues/299",
    false_alarm=True,
    reason="the contract lets both losses train the language model, and both do",
)


def example() -> tuple[Contract, Updates]:
    pretrained_model = mlp(STATE, 8, 8, seed=1, output=nn.GELU())
    lm_head, v_head = mlp(8, CHOICES, seed=2), mlp(8, 1, seed=3)
    everything = nn.ModuleList([pretrained_model, lm_head, v_head])
    optimizer = Adam(everything.parameters(), lr=1.41e-5)
    batch = random_batch()

    def generate() -> torch.Tensor:
        with torch.inference_mode():
            return lm_head(pretrained_model(batch.states)).argmax(dim=-1)

    def step() -> None:
        hidden = pretrained_model(batch.states)
        values = v_head(hidden)
        log_probabilities = torch.log_softmax(lm_head(hidden), dim=-1).gather(1, batch.choices)
        ratio = torch.exp(log_probabilities - log_probabilities.detach())
        policy_loss = -(ratio * (batch.rewards - values.detach())).mean()
        value_loss = nn.functional.mse_loss(values, batch.rewards)
        optimizer.zero_grad()
        (policy_loss + 0.1 * value_loss).backward()
        optimizer.step()

    contract = Contract(
        modules={"pretrained_model": pretrained_model, "lm_head": lm_head, "v_head": v_head},
        optimizers={"all": optimizer},
        updates={
            "generate": nothing(),
            "step": trains("pretrained_model", "lm_head", "v_head"),
        },
    )
    return contract, {"generate": generate, "step": step}
