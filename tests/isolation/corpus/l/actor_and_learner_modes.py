"""False alarm: IMPALA with BatchNorm, acting in eval mode and learning in train mode.

https://github.com/google-research/seed_rl/issues/28: a user asks how to set the training flag for
the actor and the learner, which share one network. If each sets it around its own call, as here,
only the update that trains the network moves its statistics.
"""

import torch
from torch.distributions import Categorical

from ddpg.isolation import Contract, nothing, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, random_batch
from tests.isolation.corpus.parts_modes import normalized

CASE = Case(
    identifier="L4",
    mistake_class="L",
    algorithm="IMPALA",
    url="https://github.com/google-research/seed_rl/issues/28",
    false_alarm=True,
    reason="acting uses eval mode; the statistics move in the update that trains the network",
)


def example() -> tuple[Contract, Updates]:
    agent = normalized(STATE, 8, CHOICES, seed=1)
    optimizer = torch.optim.RMSprop(agent.parameters(), lr=1e-3)

    def act() -> None:
        agent.eval()
        with torch.inference_mode():
            agent(random_batch(seed=8).states).argmax(-1)

    def learn() -> None:
        agent.train()
        batch = random_batch()
        log_p = Categorical(logits=agent(batch.states)).log_prob(batch.choices.squeeze(1))
        loss = -(log_p * batch.rewards.squeeze(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"agent": agent},
        optimizers={"agent": optimizer},
        updates={
            "acting": nothing(eval_mode="agent"),
            "learning": trains("agent", train_mode="agent"),
        },
    )
    return contract, {"acting": act, "learning": learn}
