"""DDPG with BatchNorm that runs every network in train mode, including the targets and acting.

https://github.com/keras-team/keras-io/issues/198: the first fix put `training=True` into every call
of a model. About the policy's: "I think this function should run in inference mode (training=False)
-- no?" (fchollet, in pull request 246). Each such call moves running statistics.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, nothing, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, random_batch
from tests.isolation.corpus.parts_modes import NormalizedCritic, normalized

CASE = Case(
    identifier="L2",
    mistake_class="L",
    algorithm="DDPG with BatchNorm",
    url="https://github.com/keras-team/keras-io/issues/198",
    expected=(
        Expected("critic_update", "target_actor", "moved_by_other", Grade.MOVED, "modes"),
        Expected("critic_update", "target_critic", "moved_by_other", Grade.MOVED, "modes"),
        Expected("actor_update", "critic_model", "moved_by_other", Grade.MOVED, "modes"),
        Expected("policy", "actor_model", "moved_by_other", Grade.MOVED, "modes"),
    ),
)


@contextmanager
def in_mode(*networks: nn.Module, training: bool) -> Iterator[None]:
    """Context manager: networks that the update does not train, in the given mode."""
    for network in networks:
        network.train(training)
    yield
    for network in networks:
        network.train()


def contract_and_updates(*, training: bool) -> tuple[Contract, Updates]:
    actor_model = normalized(STATE, 8, ACTION, seed=1, output=nn.Tanh())
    critic_model = NormalizedCritic(seed=2)
    target_actor, target_critic = copy.deepcopy(actor_model), copy.deepcopy(critic_model)
    actor_optimizer = torch.optim.Adam(actor_model.parameters(), lr=1e-3)
    critic_optimizer = torch.optim.Adam(critic_model.parameters(), lr=2e-3)

    def update_critic() -> None:
        batch = random_batch()
        with torch.no_grad(), in_mode(target_actor, target_critic, training=training):
            target_actions = target_actor(batch.next_states)
            y = batch.rewards + 0.99 * target_critic(batch.next_states, target_actions)
        critic_loss = mse_loss(critic_model(batch.states, batch.actions), y)
        critic_optimizer.zero_grad()
        critic_loss.backward()
        critic_optimizer.step()

    def update_actor() -> None:
        states = random_batch().states
        with in_mode(critic_model, training=training):
            actor_loss = -critic_model(states, actor_model(states)).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

    def policy() -> None:
        with torch.no_grad(), in_mode(actor_model, training=training):
            actor_model(random_batch().states)

    contract = Contract(
        modules={
            "actor_model": actor_model,
            "critic_model": critic_model,
            "target_actor": target_actor,
            "target_critic": target_critic,
        },
        optimizers={"actor": actor_optimizer, "critic": critic_optimizer},
        updates={
            "policy": nothing(),
            "critic_update": trains("critic_model"),
            "actor_update": trains("actor_model", through="critic_model"),
        },
    )
    return contract, {
        "policy": policy,
        "critic_update": update_critic,
        "actor_update": update_actor,
    }


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(training=True)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(training=False)
