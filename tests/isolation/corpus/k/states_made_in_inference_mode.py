"""REINFORCE with a rollout baseline whose data set was generated in inference mode.

https://github.com/ai4co/rl4co/issues/272: training stops with "Inference tensors cannot be saved
for backward. To work around you can make a clone" (Nyquixt), at the first operation of the policy
that has to save the stored data.
"""

import torch
from torch import Tensor
from torch.distributions import Categorical

from ddpg.isolation import Contract, Grade, nothing, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import q_network, random_batch

CASE = Case(
    identifier="K1",
    mistake_class="K",
    algorithm="REINFORCE with a rollout baseline",
    url="https://github.com/ai4co/rl4co/issues/272",
    expected=(Expected("wrap_dataset", "dataset", "leaked", Grade.NOTHING, "stored"),),
)


class Reinforce:
    def __init__(self) -> None:
        self.policy = q_network(1)
        self.baseline = q_network(2)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=1e-4)
        self.dataset: dict[str, Tensor] = {}

    def generate(self) -> dict[str, Tensor]:
        batch = random_batch()
        states = batch.states * 2
        return {"states": states, "extra": self.baseline(states).max(1).values}

    def wrap_dataset(self) -> None:
        with torch.inference_mode():
            self.dataset = self.generate()

    def wrap_dataset_without_grad(self) -> None:
        with torch.no_grad():
            self.dataset = self.generate()

    def training_step(self) -> None:
        choices, rewards = random_batch().choices.squeeze(1), random_batch().rewards.squeeze(1)
        log_likelihood = Categorical(logits=self.policy(self.dataset["states"])).log_prob(choices)
        advantage = rewards - self.dataset["extra"]
        loss = -(advantage * log_likelihood).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def contract(agent: Reinforce) -> Contract:
    return Contract(
        modules={"policy": agent.policy, "baseline": agent.baseline},
        optimizers={"policy": agent.optimizer},
        updates={"wrap_dataset": nothing(), "training_step": trains("policy")},
        keeps={"dataset": lambda: agent.dataset},
        restores=[agent],
    )


def broken() -> tuple[Contract, Updates]:
    agent = Reinforce()
    updates = {"wrap_dataset": agent.wrap_dataset, "training_step": agent.training_step}
    return contract(agent), updates


def fixed() -> tuple[Contract, Updates]:
    agent = Reinforce()
    updates = {
        "wrap_dataset": agent.wrap_dataset_without_grad,
        "training_step": agent.training_step,
    }
    return contract(agent), updates
