"""MADDPG puts the replayed action into the actor loss instead of the policy's own.

https://github.com/KornbergFresnel/ModelRepo/issues/2, Ericonaldo: "you should pass the output of
its policy network into its Q network instead of using the data from the replay buffer". The actor
loss then depends on the critic only.
"""

import torch
from torch import Tensor
from torch.optim import Adam

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, actor_network, mlp, random_batch

AGENTS = 2

CASE = Case(
    identifier="C9",
    mistake_class="C",
    algorithm="MADDPG",
    url="https://github.com/KornbergFresnel/ModelRepo/issues/2",
    expected=tuple(
        Expected(f"actor_update_{agent}", f"actor_{agent}", "starved", Grade.NOTHING, "reached")
        for agent in range(AGENTS)
    ),
)


def agents(own_action: bool) -> tuple[Contract, Updates]:
    actors = [actor_network(seed=10 + agent) for agent in range(AGENTS)]
    critics = [mlp(AGENTS * (STATE + ACTION), 8, 1, seed=20 + agent) for agent in range(AGENTS)]
    actor_optimizers = [Adam(actor.parameters(), lr=1e-2) for actor in actors]
    critic_optimizers = [Adam(critic.parameters(), lr=1e-2) for critic in critics]
    batches = [random_batch(seed=30 + agent) for agent in range(AGENTS)]
    observations = torch.cat([batch.states for batch in batches], dim=1)

    def value(agent: int, actions: list[Tensor]) -> Tensor:
        return critics[agent](torch.cat([observations, *actions], dim=1))

    def critic_update(agent: int) -> None:
        critic_optimizers[agent].zero_grad()
        q = value(agent, [batch.actions for batch in batches])
        torch.nn.functional.mse_loss(q, batches[agent].rewards).backward()
        critic_optimizers[agent].step()

    def actor_update(agent: int) -> None:
        actions = [batch.actions for batch in batches]
        if own_action:
            actions[agent] = actors[agent](batches[agent].states)
        actor_optimizers[agent].zero_grad()
        loss = -value(agent, actions).mean()
        loss.backward()
        actor_optimizers[agent].step()

    indices = range(AGENTS)
    contract = Contract(
        modules={
            **{f"actor_{agent}": actors[agent] for agent in indices},
            **{f"critic_{agent}": critics[agent] for agent in indices},
        },
        optimizers={
            **{f"actor_{agent}": actor_optimizers[agent] for agent in indices},
            **{f"critic_{agent}": critic_optimizers[agent] for agent in indices},
        },
        updates={
            **{f"critic_update_{agent}": trains(f"critic_{agent}") for agent in indices},
            **{
                f"actor_update_{agent}": trains(f"actor_{agent}", through=f"critic_{agent}")
                for agent in indices
            },
        },
    )
    updates = {
        **{f"critic_update_{agent}": lambda agent=agent: critic_update(agent) for agent in indices},
        **{f"actor_update_{agent}": lambda agent=agent: actor_update(agent) for agent in indices},
    }
    return contract, updates


def broken() -> tuple[Contract, Updates]:
    return agents(own_action=False)


def fixed() -> tuple[Contract, Updates]:
    return agents(own_action=True)
