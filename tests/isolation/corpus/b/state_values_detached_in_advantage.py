"""False alarm: `state_values.detach()` in PPO's advantage leaves the value network trainable.

https://github.com/nikhilbarhate99/PPO-PyTorch/issues/29: a user thinks that the detach stops the
value layer from learning, sees no movement, and later withdraws the report. The mean squared error
in the same loss uses the values that are not detached.
"""

import copy

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, follows, nothing, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="B13",
    mistake_class="B",
    algorithm="PPO",
    url="https://github.com/nikhilbarhate99/PPO-PyTorch/issues/29",
    false_alarm=True,
    reason="detach cuts only the tensor that it returns: the value loss still trains the critic",
)


def example() -> tuple[Contract, Updates]:
    policy = nn.ModuleDict({"actor": q_network(), "critic": value_network()})
    policy_old = copy.deepcopy(policy)
    optimizer = Adam(
        [
            {"params": policy["actor"].parameters(), "lr": 3e-4},
            {"params": policy["critic"].parameters(), "lr": 1e-3},
        ]
    )
    batch = random_batch()

    def log_probabilities(network: nn.ModuleDict) -> torch.Tensor:
        logits = network["actor"](batch.states)
        return torch.log_softmax(logits, dim=-1).gather(1, batch.choices)

    def act() -> torch.Tensor:
        with torch.no_grad():
            return policy_old["actor"](batch.states).argmax(dim=-1)

    def update() -> None:
        old_log_probabilities = log_probabilities(policy_old).detach()
        for _ in range(2):
            state_values = policy["critic"](batch.states)
            ratios = torch.exp(log_probabilities(policy) - old_log_probabilities)
            advantages = batch.rewards - state_values.detach()
            clipped = torch.clamp(ratios, 0.8, 1.2) * advantages
            loss = -torch.min(ratios * advantages, clipped)
            loss = loss + 0.5 * nn.functional.mse_loss(state_values, batch.rewards)
            optimizer.zero_grad()
            loss.mean().backward()
            optimizer.step()

    contract = Contract(
        modules={
            "actor": policy["actor"],
            "critic": policy["critic"],
            "actor_old": policy_old["actor"],
            "critic_old": policy_old["critic"],
        },
        optimizers={"policy": optimizer},
        updates={
            "act": nothing(),
            "update": trains("actor", "critic"),
            "copy": follows(actor_old="actor", critic_old="critic"),
        },
    )
    return contract, {
        "act": act,
        "update": update,
        "copy": lambda: policy_old.load_state_dict(policy.state_dict()),
    }
