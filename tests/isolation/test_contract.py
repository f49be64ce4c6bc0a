"""Contracts and arguments that are not allowed raise one sentence with the allowed values."""

from typing import Any

import pytest
import torch
from torch import nn

from ddpg.isolation import Contract, ContractError, audit, follows, moves, split, trains, watch
from tests.isolation.agents import ActorCritic

ONE = {"actor": nn.Linear(1, 1)}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"modules": {}}, "modules: {} is not allowed; allowed: at least one entry"),
        ({"updates": {}}, "updates: {} is not allowed; allowed: at least one entry"),
        (
            {"updates": {"update": "actor"}},
            r"updates\['update'\]: 'actor' is not allowed; allowed: trains\(...\), moves",
        ),
        (
            {"updates": {"update": trains("critic")}},
            r"updates\['update'\] \(trains\): 'critic' is not allowed; allowed: 'actor'",
        ),
        (
            {"updates": {"update": follows(target="actor")}},
            r"updates\['update'\] \(follows\): 'target' is not allowed",
        ),
        (
            {"updates": {"update": trains("actor", terms={"loss": trains("critic")})}},
            r"\(trains\): 'critic' is not allowed",
        ),
        (
            {"updates": {"update": split(critic=trains("actor"))}},
            r"\(split\): 'critic' is not allowed; allowed: 'rest', optimizers \(none are named\)",
        ),
        (
            {"updates": {"update": split(rest=split())}, "optimizers": {}},
            None,
        ),
        (
            {"updates": {"update": split(rest=split(rest=moves()))}},
            r"updates\['update'\] \(split\), 'rest': Permission\(.* is not allowed; allowed: t",
        ),
        (
            {"optimizers": {"actor": "Adam"}},
            r"optimizers\['actor'\]: 'Adam' is not allowed; allowed: a torch.optim.Optimizer",
        ),
        ({"shared": {"actor": "critic"}}, "shared: 'critic' is not allowed; allowed: 'actor'"),
        ({"holds": {"adam": "actor"}}, "holds: 'adam' is not allowed; allowed: optimizers"),
        ({"equal_at_start": {"actor": "critic"}}, "equal_at_start: 'critic' is not allowed"),
    ],
)
def test_a_contract_that_is_not_allowed_raises(
    arguments: dict[str, Any], sentence: str | None
) -> None:
    good: dict[str, Any] = {"modules": ONE, "updates": {"update": trains("actor")}}
    if sentence is None:
        Contract(**{**good, **arguments})
    else:
        with pytest.raises(ContractError, match=sentence):
            Contract(**{**good, **arguments})


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (
            3,
            r"modules\['actor'\]: 3 is not allowed; allowed: an nn.Module, a tensor, a list or",
        ),
        ("actor", r"modules\['actor'\]: 'actor' is not allowed; allowed: an nn.Module"),
        (
            nn.Linear(1, 1).parameters(),
            r"<generator .* is not allowed; allowed: a list or dict of only tensors or only",
        ),
        (lambda: None, r"modules\['actor'\]: None is not allowed"),
    ],
)
def test_a_module_that_is_not_allowed_raises(module: Any, sentence: str) -> None:
    contract = Contract(modules={"actor": module}, updates={"update": trains("actor")})
    with pytest.raises(ContractError, match=sentence):
        audit(contract, lambda: None)


def test_audit_arguments_that_are_not_allowed_raise() -> None:
    agent = ActorCritic()
    contract = agent.contract()
    sync = {"sync": agent.sync}
    refused: list[tuple[Any, dict[str, Any], str]] = [
        ({"train": agent.sync}, {}, "updates: 'train' is not allowed; allowed: 'critic_update'"),
        ({"sync": 3}, {}, r"updates\['sync'\]: 3 is not allowed; allowed: a function without"),
        ({}, {}, "updates: {} is not allowed; allowed: at least one of 'critic_update'"),
        (sync, {"rounds": 0}, "rounds: 0 is not allowed; allowed: a whole number ≥ 1"),
        (sync, {"level": "deep"}, "level: 'deep' is not allowed; allowed: 'light' or 'full'"),
    ]
    for updates, options, sentence in refused:
        with pytest.raises(ContractError, match=sentence):
            audit(contract, updates, **options)


def test_an_update_inside_another_raises() -> None:
    with (
        watch(ActorCritic().contract()) as watching,
        watching.update("sync"),
        pytest.raises(ContractError, match="'acting' is not allowed inside the update 'sync'"),
        watching.update("acting"),
    ):
        pass


def test_a_follower_of_another_shape_raises() -> None:
    contract = Contract(
        modules={"target": nn.Linear(2, 1), "online": nn.Linear(3, 1)},
        updates={"sync": follows(target="online")},
    )
    sentence = r"'target' cannot follow or equal 'online': 'online' has no tensor 'weight' of shape"
    with pytest.raises(ContractError, match=sentence):
        audit(contract, lambda: None)


def test_one_function_is_enough_if_its_update_is_clear() -> None:
    agent = ActorCritic()
    assert audit(agent.contract(), agent.critic_update)["critic_update", "critic"].verdict == "kept"
    module = nn.Linear(1, 1)
    contract = Contract(modules={"module": module}, updates={"update": moves("module")})
    assert audit(contract, lambda: torch.nn.init.zeros_(module.weight)).kept
