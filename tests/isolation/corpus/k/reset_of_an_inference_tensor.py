"""A policy runner that steps in inference mode and resets its environments outside of it.

https://github.com/isaac-sim/IsaacLab-Arena/pull/96: "Inplace update to inference tensor outside
InferenceMode" when an episode terminates (xyao-nv): the state made by the step cannot be written in
place.
"""

import torch
from torch import nn

from ddpg.isolation import Contract, Grade, nothing
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, actor_network, random_batch

CASE = Case(
    identifier="K4",
    mistake_class="K",
    algorithm="policy runner",
    url="https://github.com/isaac-sim/IsaacLab-Arena/pull/96",
    expected=(Expected("step", "environment", "leaked", Grade.NOTHING, "stored"),),
)


class Environment:
    """Batch of six environments with their last actions and times."""

    def __init__(self) -> None:
        self.last_actions = torch.zeros(6, ACTION)
        self.times = torch.zeros(6)

    def step(self, policy: nn.Module) -> None:
        self.last_actions = policy(random_batch().states)
        self.times = self.times + 1

    def reset(self) -> None:
        self.last_actions[2] = 0
        self.times[2] = 0


def contract_and_updates(*, normal_tensors: bool) -> tuple[Contract, Updates]:
    policy, environment = actor_network(), Environment()

    def step() -> None:
        with torch.no_grad() if normal_tensors else torch.inference_mode():
            environment.step(policy)

    contract = Contract(
        modules={"policy": policy},
        updates={"step": nothing(), "reset": nothing()},
        keeps={"environment": lambda: vars(environment)},
        restores=[environment],
    )
    return contract, {"step": step, "reset": environment.reset}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(normal_tensors=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(normal_tensors=True)
