"""V-MPO: one backward pass for both losses, so the policy loss trains the value network.

https://github.com/jsikyoon/V-MPO_torch/issues/3: scirocc quotes the paper, "the value network
parameters are considered fixed for the policy improvement loss, and gradients are not propagated".
The code adds the losses, and the advantage still carries the critic's graph.
"""

import torch
from torch import nn
from torch.optim import AdamW

from ddpg.isolation import Contract, Grade, term, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="B11",
    mistake_class="B",
    algorithm="V-MPO",
    url="https://github.com/jsikyoon/V-MPO_torch/issues/3",
    expected=(
        Expected(
            "update",
            "critic",
            "leaked",
            Grade.MOVED,
            "moved",
            loss="policy_loss",
            entry="values = critic(hidden)",
        ),
    ),
)


def agent(detach: bool) -> tuple[Contract, Updates]:
    shared_net = mlp(STATE, 8, seed=1, output=nn.Tanh())
    actor, critic = mlp(8, CHOICES, seed=2), mlp(8, 1, seed=3)
    eta = nn.Parameter(torch.tensor(1.0))
    optimizer = AdamW(
        [
            {"params": [eta], "lr": 1e-2},
            {"params": shared_net.parameters()},
            {"params": actor.parameters()},
            {"params": critic.parameters()},
        ],
        lr=1e-3,
    )
    batch = random_batch()

    def update() -> None:
        hidden = shared_net(batch.states)
        values = critic(hidden)
        log_probabilities = torch.log_softmax(actor(hidden), dim=-1).gather(1, batch.choices)
        advantages = batch.rewards - (values.detach() if detach else values)
        top = advantages.squeeze(-1).topk(len(advantages) // 2).indices
        weights = torch.softmax(advantages[top] / eta.detach(), dim=0)
        policy_loss = -(weights * log_probabilities[top]).sum()
        normaliser = torch.logsumexp(advantages[top].detach() / eta, dim=0).sum()
        eta_loss = eta * (0.1 + normaliser)
        value_loss = nn.functional.mse_loss(values, batch.rewards)

        optimizer.zero_grad()
        loss = term("policy_loss", policy_loss) + term("value_loss", value_loss)
        (loss + term("eta_loss", eta_loss)).backward()
        optimizer.step()

    contract = Contract(
        modules={"shared_net": shared_net, "actor": actor, "critic": critic, "eta": eta},
        optimizers={"all": optimizer},
        updates={
            "update": trains(
                "shared_net",
                "actor",
                "critic",
                "eta",
                terms={
                    "policy_loss": trains("actor", "shared_net"),
                    "value_loss": trains("critic", "shared_net"),
                    "eta_loss": trains("eta"),
                },
            )
        },
    )
    return contract, {"update": update}


def broken() -> tuple[Contract, Updates]:
    return agent(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(detach=True)
