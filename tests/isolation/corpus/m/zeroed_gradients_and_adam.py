"""One Adam over all networks, cleared with zeros, for updates that train different networks.

https://github.com/HorizonRobotics/alf/pull/862: `zero_grad()` became `zero_grad(set_to_none=True)`,
which "will allow the possibility of optimizing different sets of model parameters for different
update_with_gradient() calls" (emailweixu). If the gradient is zero instead of None, Adam's momentum
moves the networks that the update does not train.
"""

import torch
from torch import Tensor
from torch.distributions import Categorical

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch, value_network

CASE = Case(
    identifier="M1",
    mistake_class="M",
    algorithm="actor-critic of a library",
    url="https://github.com/HorizonRobotics/alf/pull/862",
    expected=(
        Expected("update_policy", "value", "moved_by_other", Grade.MOVED, "moved"),
        Expected("update_value", "policy", "moved_by_other", Grade.MOVED, "moved"),
    ),
)


class Algorithm:
    def __init__(self, *, set_to_none: bool) -> None:
        self.set_to_none = set_to_none
        self.policy, self.value = q_network(), value_network()
        self.optimizer = torch.optim.Adam(
            [*self.policy.parameters(), *self.value.parameters()], lr=1e-3
        )

    def update_with_gradient(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=self.set_to_none)
        loss.backward()
        self.optimizer.step()

    def update_value(self) -> None:
        batch = random_batch()
        self.update_with_gradient((self.value(batch.states) - batch.rewards).pow(2).mean())

    def update_policy(self) -> None:
        batch = random_batch()
        advantage = (batch.rewards - self.value(batch.states)).detach().squeeze(1)
        log_p = Categorical(logits=self.policy(batch.states)).log_prob(batch.choices.squeeze(1))
        self.update_with_gradient(-(log_p * advantage).mean())


def contract_and_updates(*, set_to_none: bool) -> tuple[Contract, Updates]:
    algorithm = Algorithm(set_to_none=set_to_none)
    contract = Contract(
        modules={"policy": algorithm.policy, "value": algorithm.value},
        optimizers={"optimizer": algorithm.optimizer},
        updates={"update_value": trains("value"), "update_policy": trains("policy")},
        holds={"optimizer": ("policy", "value")},
    )
    return contract, {
        "update_value": algorithm.update_value,
        "update_policy": algorithm.update_policy,
    }


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(set_to_none=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(set_to_none=True)
