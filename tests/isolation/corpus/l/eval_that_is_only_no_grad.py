"""A library whose `policy.eval(state)` runs without gradients, but leaves the policy in train mode.

https://github.com/cpnota/autonomous-learning-library/pull/128: "`.eval()` ran the model in no_grad
mode, but did not put the model in evaluation mode. This was confusing" (cpnota). Dropout stays
active in every evaluation, although no parameter or buffer changes.
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, nothing
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import actor_network, random_batch

CASE = Case(
    identifier="L3",
    mistake_class="L",
    algorithm="function approximation of a library",
    url="https://github.com/cpnota/autonomous-learning-library/pull/128",
    expected=(Expected("evaluation", "policy", "leaked", Grade.NOTHING, "modes"),),
)


class Approximation:
    def __init__(self) -> None:
        self.model = nn.Sequential(nn.Dropout(0.2), actor_network())

    def eval_as_reported(self, states: Tensor) -> Tensor:
        with torch.no_grad():
            return self.model(states)

    def eval(self, states: Tensor) -> Tensor:
        with torch.no_grad():
            mode = self.model.training
            self.model.eval()
            result = self.model(states)
            self.model.train(mode)
            return result


def contract(policy: Approximation) -> Contract:
    return Contract(
        modules={"policy": policy.model}, updates={"evaluation": nothing(eval_mode="policy")}
    )


def broken() -> tuple[Contract, Updates]:
    policy = Approximation()
    return contract(policy), {"evaluation": lambda: policy.eval_as_reported(random_batch().states)}


def fixed() -> tuple[Contract, Updates]:
    policy = Approximation()
    return contract(policy), {"evaluation": lambda: policy.eval(random_batch().states)}
