"""The gradient with respect to alpha is applied to log alpha.

https://github.com/google/brax/issues/139: the loss is differentiated with respect to `alpha`, and
the optimizer holds `log_alpha`. The sign is right but the size is wrong: the temperature moves by
the gradient of another tensor.
"""

import torch
from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import random_batch

CASE = Case(
    identifier="F8",
    mistake_class="F",
    algorithm="SAC (JAX)",
    url="https://github.com/google/brax/issues/139",
    expected=(
        Expected(
            "alpha_update",
            "log_alpha",
            "starved",
            Grade.MOVED,
            "reached",
            entry="alpha = alpha.detach()",
        ),
    ),
)


def agent(through_exp: bool) -> tuple[Contract, Updates]:
    log_alpha = nn.Parameter(torch.tensor(0.3))
    optimizer = Adam([log_alpha], lr=3e-4)
    log_probabilities, target_entropy = random_batch().rewards, -1.0

    def alpha_update() -> None:
        alpha = log_alpha.exp()
        if not through_exp:
            alpha = alpha.detach().requires_grad_()
        alpha_loss = (alpha * (-log_probabilities - target_entropy)).mean()
        source = log_alpha if through_exp else alpha
        (log_alpha.grad,) = torch.autograd.grad(alpha_loss, [source])
        optimizer.step()

    contract = Contract(
        modules={"log_alpha": log_alpha},
        optimizers={"alpha": optimizer},
        updates={"alpha_update": trains("log_alpha")},
    )
    return contract, {"alpha_update": alpha_update}


def broken() -> tuple[Contract, Updates]:
    return agent(through_exp=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(through_exp=True)
