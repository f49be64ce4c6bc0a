"""TQC: the actor loss adds to critic gradients that are held by reference.

https://github.com/ray-project/ray/pull/65125: one backward pass per optimizer (qf, then policy),
"zeroing only that optimizer's parameters and harvesting `param.grad` by reference. The policy
backward therefore accumulates the actor loss's critic gradients into the already-harvested critic
gradients, and the critic optimizer applies them."
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="D1",
    mistake_class="D",
    algorithm="TQC",
    url="https://github.com/ray-project/ray/pull/65125",
    expected=(
        Expected(
            "update", "qf", "leaked", Grade.MOVED, "moved", loss="policy_loss", entry="qf_current"
        ),
    ),
)


def agent(freeze: bool) -> tuple[Contract, Updates]:
    policy = actor_network()
    qf = nn.ModuleList(Critic(seed=seed) for seed in (2, 3))
    optimizers = {
        "qf": Adam(qf.parameters(), lr=3e-4),
        "policy": Adam(policy.parameters(), lr=3e-4),
    }
    batch = random_batch()

    def quantiles(actions: Tensor) -> Tensor:
        return torch.cat([critic(batch.states, actions) for critic in qf], dim=1)

    def forward_train() -> dict[str, Tensor]:
        qf_predictions = quantiles(batch.actions)
        # SAC's fix: "policy gradients flow through the sampled actions, not the weights".
        qf.requires_grad_(not freeze)
        qf_current = quantiles(policy(batch.states))
        qf.requires_grad_(True)
        qf_loss = nn.functional.huber_loss(qf_predictions, batch.rewards.expand_as(qf_predictions))
        return {
            "qf": term("qf_loss", qf_loss),
            "policy": term("policy_loss", -qf_current.mean()),
        }

    def compute_gradients(losses: dict[str, Tensor]) -> dict[nn.Parameter, Tensor]:
        gradients = {}
        for name, optimizer in optimizers.items():
            optimizer.zero_grad(set_to_none=True)
            losses[name].backward(retain_graph=True)
            for group in optimizer.param_groups:
                gradients |= {each: each.grad for each in group["params"] if each.grad is not None}
        return gradients

    def apply_gradients(gradients: dict[nn.Parameter, Tensor]) -> None:
        for optimizer in optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
        for optimizer in optimizers.values():
            optimizer.step()

    contract = Contract(
        modules={"policy": policy, "qf": qf},
        optimizers=optimizers,
        updates={
            "update": trains(
                "policy",
                "qf",
                terms={
                    "qf_loss": trains("qf"),
                    "policy_loss": trains("policy", through="qf"),
                },
            )
        },
    )
    return contract, {"update": lambda: apply_gradients(compute_gradients(forward_train()))}


def broken() -> tuple[Contract, Updates]:
    return agent(freeze=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(freeze=True)
