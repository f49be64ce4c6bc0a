"""MAD4PG: the optimizers of critic and policy both train the observation network.

https://github.com/instadeepai/Mava/issues/364 (labelled bug): "Both optimizers train the
observation network separately which can caused the representation learnt to be unstable. [...] only
one optimizer should work on the observation network".
"""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="E13",
    mistake_class="E",
    algorithm="MAD4PG",
    url="https://github.com/instadeepai/Mava/issues/364",
    expected=(
        Expected(
            "policy_update",
            "observation_network",
            "leaked",
            Grade.MOVED,
            "moved",
            entry="= observation_network(",
        ),
        Expected("policy_update", "observation_network", "leaked", Grade.MOVED, "membership"),
    ),
)

ATOMS = torch.linspace(-1.0, 1.0, 5)


def agent(critic_only: bool) -> tuple[Contract, Updates]:
    observation_network = mlp(STATE, 8, seed=1, output=nn.ELU())
    policy = mlp(8, ACTION, seed=2, output=nn.Tanh())
    critic = mlp(8 + ACTION, 8, len(ATOMS), seed=3)
    observation_parameters = list(observation_network.parameters())
    policy_optimizer = Adam(
        [*policy.parameters(), *([] if critic_only else observation_parameters)], lr=1e-4
    )
    critic_optimizer = Adam([*critic.parameters(), *observation_parameters], lr=1e-4)
    batch = random_batch()

    def distribution(observations: Tensor, actions: Tensor) -> Tensor:
        return critic(torch.cat([observations, actions], dim=1))

    def critic_update() -> None:
        logits = distribution(observation_network(batch.states), batch.actions)
        target = torch.softmax(-((ATOMS - batch.rewards) ** 2), dim=1)
        critic_optimizer.zero_grad()
        nn.functional.cross_entropy(logits, target).backward()
        critic_optimizer.step()

    def policy_update() -> None:
        observations = observation_network(batch.states)
        if critic_only:
            observations = observations.detach()
        probabilities = torch.softmax(distribution(observations, policy(observations)), dim=1)
        policy_optimizer.zero_grad()
        (-(probabilities * ATOMS).sum(dim=1).mean()).backward()
        policy_optimizer.step()

    contract = Contract(
        modules={"observation_network": observation_network, "policy": policy, "critic": critic},
        optimizers={"policy": policy_optimizer, "critic": critic_optimizer},
        updates={
            "critic_update": trains("critic", "observation_network"),
            "policy_update": trains("policy", through="critic"),
        },
    )
    return contract, {"critic_update": critic_update, "policy_update": policy_update}


def broken() -> tuple[Contract, Updates]:
    return agent(critic_only=False)


def fixed() -> tuple[Contract, Updates]:
    return agent(critic_only=True)
