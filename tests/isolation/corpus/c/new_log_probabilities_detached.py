"""PPO detaches the new log probabilities instead of the old ones.

https://github.com/kengz/SLM-Lab/pull/207: "PPO got broken during the major refactoring. fix the
proper tensor detach". The clipped loss is then a constant. The entropy bonus still moves the actor,
which hides that the objective does not.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="C11",
    mistake_class="C",
    algorithm="PPO",
    url="https://github.com/kengz/SLM-Lab/pull/207",
    expected=(
        Expected(
            "train",
            "actor",
            "starved",
            Grade.NOTHING,
            "reached",
            loss="clip_loss",
            entry="new = new.detach()",
        ),
    ),
)


def agent(detach_new: bool) -> tuple[Contract, Updates]:
    actor, old_actor, critic = q_network(seed=1), q_network(seed=9), value_network()
    optimizer = Adam([*actor.parameters(), *critic.parameters()], lr=1e-3)
    batch = random_batch()

    def train() -> None:
        distribution = torch.distributions.Categorical(logits=actor(batch.states))
        choices = batch.choices.squeeze(-1)
        new = distribution.log_prob(choices)
        old = torch.distributions.Categorical(logits=old_actor(batch.states)).log_prob(choices)
        values = critic(batch.states).squeeze(-1)
        advantages = (batch.rewards.squeeze(-1) - values).detach()

        if detach_new:
            new = new.detach()
        ratios = torch.exp(new - old.detach())
        surrogate = torch.min(ratios * advantages, ratios.clamp(0.8, 1.2) * advantages)
        clip_loss = term("clip_loss", -surrogate.mean())
        entropy_loss = term("entropy_loss", -0.01 * distribution.entropy().mean())
        value_loss = term("value_loss", nn.functional.mse_loss(values, batch.rewards.squeeze(-1)))
        optimizer.zero_grad()
        (clip_loss + entropy_loss + value_loss).backward()
        optimizer.step()

    contract = Contract(
        modules={"actor": actor, "old_actor": old_actor, "critic": critic},
        optimizers={"both": optimizer},
        updates={
            "train": trains(
                "actor",
                "critic",
                terms={
                    "clip_loss": trains("actor"),
                    "entropy_loss": trains("actor"),
                    "value_loss": trains("critic"),
                },
            )
        },
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return agent(detach_new=True)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach_new=False)
