"""ACER: the trust-region loss differentiates through z*, which should be a constant.

https://github.com/Kaixhin/ACER/issues/12: the owner writes that "gradients are probably leaking"
through `z_star_p`. It is computed from the policy-gradient direction g, and g from Q and V, so the
policy loss trains the Q head.
"""

import torch
from torch import nn
from torch.optim import RMSprop

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="B10",
    mistake_class="B",
    algorithm="ACER",
    url="https://github.com/Kaixhin/ACER/issues/12",
    expected=(
        Expected(
            "train",
            "critic",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="policy_loss",
            entry="q_values = model.critic(",
        ),
    ),
)


class ActorCritic(nn.Module):
    """Shared layer with a policy head and a Q head."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = mlp(STATE, 8, seed=1)
        self.actor = mlp(8, CHOICES, seed=2)
        self.critic = mlp(8, CHOICES, seed=3)


def agent(constant: bool) -> tuple[Contract, Updates]:
    model = ActorCritic()
    optimizer = RMSprop(model.parameters(), lr=1e-3, alpha=0.99)
    batch = random_batch()
    average_policy = torch.full((len(batch.states), CHOICES), 1 / CHOICES)
    threshold = 1.0

    def train() -> None:
        features = torch.tanh(model.trunk(batch.states))
        policy = torch.softmax(model.actor(features), dim=-1)
        q_values = model.critic(features.detach())
        value = (q_values * policy.detach()).sum(dim=-1, keepdim=True)

        # g: gradient of the policy loss, k: gradient of the divergence, both for the distribution.
        g = (q_values - value) / policy.detach()
        k = -average_policy / policy.detach()
        k_dot_g = (k * g).sum(dim=-1, keepdim=True)
        k_dot_k = (k * k).sum(dim=-1, keepdim=True)
        z_star = g - ((k_dot_g - threshold) / k_dot_k).clamp(min=0) * k
        if constant:
            z_star = z_star.detach()
        policy_loss = -(z_star * policy).sum(dim=-1).mean()

        q_chosen = q_values.gather(1, batch.choices)
        value_loss = nn.functional.mse_loss(q_chosen, batch.rewards)
        optimizer.zero_grad()
        (term("policy_loss", policy_loss) + 0.5 * term("value_loss", value_loss)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 40.0)
        optimizer.step()

    contract = Contract(
        modules={"trunk": model.trunk, "actor": model.actor, "critic": model.critic},
        optimizers={"shared": optimizer},
        updates={
            "train": trains(
                "trunk",
                "actor",
                "critic",
                terms={
                    "policy_loss": trains("actor", "trunk"),
                    "value_loss": trains("critic"),
                },
            )
        },
    )
    return contract, {"train": train}


def broken() -> tuple[Contract, Updates]:
    return agent(constant=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(constant=True)
