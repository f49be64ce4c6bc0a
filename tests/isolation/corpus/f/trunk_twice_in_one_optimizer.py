"""PPO's optimizer holds the shared trunk of actor and critic twice.

https://github.com/thu-ml/tianshou/issues/395, "optimizer double update?": the parameters are
`list(actor.parameters()) + list(critic.parameters())`, and both contain `net`. PyTorch warns:
"optimizer contains a parameter group with duplicate parameters".
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, STATE, mlp, random_batch

CASE = Case(
    identifier="F9",
    mistake_class="F",
    algorithm="PPO",
    url="https://github.com/thu-ml/tianshou/issues/395",
    expected=(Expected("learn", "net", "leaked", Grade.MOVED, "membership"),),
)


def agent(once: bool) -> tuple[Contract, Updates]:
    net = mlp(STATE, 8, seed=1, output=nn.Tanh())
    actor = nn.Sequential(net, mlp(8, CHOICES, seed=2))
    critic = nn.Sequential(net, mlp(8, 1, seed=3))
    parameters = list(actor.parameters()) + list(critic.parameters())
    optimizer = Adam(dict.fromkeys(parameters) if once else parameters, lr=3e-4)
    batch = random_batch()

    def learn() -> None:
        values = critic(batch.states)
        log_probabilities = torch.log_softmax(actor(batch.states), dim=1).gather(1, batch.choices)
        advantages = (batch.rewards - values).detach()
        ratio = torch.exp(log_probabilities - log_probabilities.detach())
        clipped = ratio.clamp(0.8, 1.2) * advantages
        loss = -torch.min(ratio * advantages, clipped).mean()
        loss = loss + 0.5 * nn.functional.mse_loss(values, batch.rewards)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    contract = Contract(
        modules={"net": net, "actor": actor, "critic": critic},
        shared={"net": ("actor", "critic")},
        optimizers={"both": optimizer},
        updates={"learn": trains("net", "actor", "critic")},
    )
    return contract, {"learn": learn}


def broken() -> tuple[Contract, Updates]:
    return agent(once=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(once=True)
