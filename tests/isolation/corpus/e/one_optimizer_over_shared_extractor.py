"""False alarm: A2C's policy and value network share the extractor, which is stepped once.

https://github.com/DLR-RM/stable-baselines3/issues/787: "is the extractor updated twice?" One
optimizer holds every parameter once and steps on the sum of the losses.
"""

import torch
from torch import nn
from torch.optim import RMSprop

from ddpg.isolation import Contract, term, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="E5",
    mistake_class="E",
    algorithm="A2C",
    url="https://github.com/DLR-RM/stable-baselines3/issues/787",
    false_alarm=True,
    reason="nn.Module.parameters() yields a shared parameter once; both losses may train it",
)


class ActorCriticPolicy(nn.Module):
    """Policy and value network over one extractor, which is a submodule of both."""

    def __init__(self) -> None:
        super().__init__()
        extractor = mlp(STATE, 8, seed=1, output=nn.Tanh())
        self.features_extractor = extractor
        self.pi = nn.Sequential(extractor, mlp(8, CHOICES, seed=2))
        self.vf = nn.Sequential(extractor, mlp(8, 1, seed=3))


def example() -> tuple[Contract, Updates]:
    policy = ActorCriticPolicy()
    optimizer = RMSprop(policy.parameters(), lr=7e-4, alpha=0.99, eps=1e-5)
    batch = random_batch()

    def train() -> None:
        values = policy.vf(batch.states)
        distribution = torch.distributions.Categorical(logits=policy.pi(batch.states))
        log_probabilities = distribution.log_prob(batch.choices.squeeze(-1)).unsqueeze(-1)
        advantages = (batch.rewards - values).detach()
        policy_loss = term("policy_loss", -(advantages * log_probabilities).mean())
        value_loss = term("value_loss", nn.functional.mse_loss(batch.rewards, values))
        entropy_loss = term("entropy_loss", -distribution.entropy().mean())
        optimizer.zero_grad()
        (policy_loss + 0.01 * entropy_loss + 0.5 * value_loss).backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 0.5)
        optimizer.step()

    contract = Contract(
        modules={"extractor": policy.features_extractor, "pi": policy.pi, "vf": policy.vf},
        shared={"extractor": ("pi", "vf")},
        optimizers={"policy": optimizer},
        updates={
            "train": trains(
                "extractor",
                "pi",
                "vf",
                terms={
                    "policy_loss": trains("pi", "extractor"),
                    "value_loss": trains("vf", "extractor"),
                    "entropy_loss": trains("pi", "extractor"),
                },
            )
        },
    )
    return contract, {"train": train}
