"""QMIX whose episode runner writes actions into the batch without detaching them.

https://github.com/oxwhirl/pymarl/pull/73: "the `actions` should either be detached from the
computation graph or be converted … before being stored into the replay buffer"; memory "will grow
linearly through time" (j3soon). The batch is one tensor written slice by slice, so it carries the
graphs of all slices.
"""

import torch
from torch import Tensor

from ddpg.isolation import Contract, Grade, nothing
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import CHOICES, q_network, random_batch

CASE = Case(
    identifier="K8",
    mistake_class="K",
    algorithm="QMIX",
    url="https://github.com/oxwhirl/pymarl/pull/73",
    expected=(Expected("run", "episode_batch", "leaked", Grade.NOTHING, "stored"),),
)

STEPS = 3


class EpisodeBatch:
    """One-hot actions of an episode, `[batch, step, choice]`."""

    def __init__(self) -> None:
        self.data = {"actions": torch.zeros(6, STEPS, CHOICES)}

    def update(self, actions: Tensor, step: int) -> None:
        self.data["actions"][:, step] = actions


def contract_and_updates(*, detach: bool) -> tuple[Contract, Updates]:
    agent, runner = q_network(), {"batch": EpisodeBatch()}

    def run() -> None:
        batch = runner["batch"] = EpisodeBatch()
        for step in range(STEPS):
            outputs = agent(random_batch(seed=step).states)
            chosen = torch.nn.functional.one_hot(outputs.argmax(-1), CHOICES)
            soft = outputs.softmax(-1)
            actions = chosen + soft - soft.detach()
            batch.update(actions.detach() if detach else actions, step)

    contract = Contract(
        modules={"agent": agent},
        updates={"run": nothing()},
        keeps={"episode_batch": lambda: runner["batch"]},
    )
    return contract, {"run": run}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(detach=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(detach=True)
