"""A contract that cannot mean anything is refused in one sentence that says what is allowed."""

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
        ({"modules": {}}, "modules is empty: name at least one"),
        ({"updates": {}}, "updates is empty: name at least one"),
        (
            {"updates": {"update": "actor"}},
            r"updates\['update'\] is a str \('actor'\): it takes trains\(...\), moves",
        ),
        (
            {"updates": {"update": trains("critic")}},
            r"updates\['update'\] \(trains\) names the module 'critic', which is not among 'actor'",
        ),
        (
            {"updates": {"update": follows(target="actor")}},
            r"updates\['update'\] \(follows\) names the module 'target'",
        ),
        (
            {"updates": {"update": trains("actor", terms={"loss": trains("critic")})}},
            r"\(trains\) names the module 'critic'",
        ),
        (
            {"updates": {"update": split(critic=trains("actor"))}},
            r"at the optimizer 'critic', which is not among any \(none is named\) \(or 'rest'\)",
        ),
        (
            {"updates": {"update": split(rest=split())}, "optimizers": {}},
            None,
        ),
        (
            {"updates": {"update": split(rest=split(rest=moves()))}},
            r"the part 'rest' of updates\['update'\] is a Permission",
        ),
        (
            {"optimizers": {"actor": "Adam"}},
            r"optimizers\['actor'\] is a str \('Adam'\): it takes a torch.optim.Optimizer",
        ),
        ({"shared": {"actor": "critic"}}, "shared names the module 'critic'"),
        ({"holds": {"adam": "actor"}}, "holds names the optimizer 'adam'"),
        ({"equal_at_start": {"actor": "critic"}}, "equal_at_start names the module 'critic'"),
    ],
)
def test_a_bad_contract_is_refused(arguments: dict[str, Any], sentence: str | None) -> None:
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
            r"modules\['actor'\] is a int: it takes an nn.Module, a tensor, a list or",
        ),
        ("actor", r"modules\['actor'\] is a str: it takes an nn.Module"),
        (
            nn.Linear(1, 1).parameters(),
            r"is a generator that is neither of tensors nor of modules alone, or can be",
        ),
        (lambda: None, r"modules\['actor'\] is a NoneType"),
    ],
)
def test_a_bad_module_is_refused(module: Any, sentence: str) -> None:
    contract = Contract(modules={"actor": module}, updates={"update": trains("actor")})
    with pytest.raises(ContractError, match=sentence):
        audit(contract, lambda: None)


def test_bad_arguments_of_an_audit_are_refused() -> None:
    agent = ActorCritic()
    contract = agent.contract()
    refused: list[tuple[Any, dict[str, Any], str]] = [
        ({"train": agent.sync}, {}, "updates names 'train', and the contract has 'critic_update'"),
        ({"sync": 3}, {}, r"updates\['sync'\] is a int: it takes a function without"),
        ({}, {}, "updates is empty: name at least one of 'critic_update'"),
        ({"sync": agent.sync}, {"rounds": 0}, "rounds is 0: it takes 1 or more"),
        ({"sync": agent.sync}, {"level": "deep"}, "level is 'deep': it takes 'light' or 'full'"),
    ]
    for updates, options, sentence in refused:
        with pytest.raises(ContractError, match=sentence):
            audit(contract, updates, **options)


def test_an_update_inside_another_is_refused() -> None:
    with (
        watch(ActorCritic().contract()) as watching,
        watching.update("sync"),
        pytest.raises(ContractError, match="update 'acting' began inside update 'sync'"),
        watching.update("acting"),
    ):
        pass


def test_a_follower_of_another_shape_is_refused() -> None:
    contract = Contract(
        modules={"target": nn.Linear(2, 1), "online": nn.Linear(3, 1)},
        updates={"sync": follows(target="online")},
    )
    sentence = r"'target' cannot follow or equal 'online': 'online' has no tensor 'weight' of shape"
    with pytest.raises(ContractError, match=sentence):
        audit(contract, lambda: None)


def test_one_function_is_enough_where_it_is_clear_which_update_it_is() -> None:
    agent = ActorCritic()
    assert audit(agent.contract(), agent.critic_update)["critic_update", "critic"].verdict == "kept"
    module = nn.Linear(1, 1)
    contract = Contract(modules={"module": module}, updates={"update": moves("module")})
    assert audit(contract, lambda: torch.nn.init.zeros_(module.weight)).kept
