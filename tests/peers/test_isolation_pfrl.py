"""The audit on PFRL: facts about its agents, and leaks planted in them.

Each leak is planted in an agent that keeps its contract without the leak.
"""

from typing import Any

import numpy as np
import pytest
import torch
from pfrl.agents import DDPG, TD3, SoftActorCritic
from pfrl.replay_buffers import ReplayBuffer

from ddpg.isolation import Contract, Grade, Report, audit, trains
from ddpg.isolation.contracts.pfrl import contract, updates
from tests.peers.findings import finding_in, findings_in, replace_parts
from tests.peers.plants_pfrl import (
    ALGORITHMS,
    Agent,
    alias_of_a_replaced_critic,
    build_agent,
    critic_as_target,
    critics_of,
    optimizer_over_everything,
    sampled_actions,
    swapped_targets,
    targets_with_graph,
    temperature_with_graph,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy"),
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True to a scalar"),
]


def audit_agent(agent: Agent, changed: Contract | None = None) -> Report:
    return audit(changed or contract(agent), updates(agent, batch_size=16))


def sync_row(agent: Agent) -> str:
    return "sync" if isinstance(agent, DDPG) else "update/rest"


# Facts about the library.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_library_keeps_its_contract(algorithm: Any) -> None:
    agent = build_agent(algorithm)
    report = audit_agent(agent)
    report.assert_kept()
    assert not report.notes
    names = [*critics_of(agent), "policy"]
    for name in [*names, "temperature"] if algorithm is SoftActorCritic else names:
        cell = report[f"update/{name}", name]
        assert (cell.grade, cell.movers) == (Grade.MOVED, (f"{name}: gradient",))


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, ["q_function"]),
        (TD3, ["q_func1"]),  # the policy's loss uses only the first Q-function
        (SoftActorCritic, ["q_func1", "q_func2"]),
    ],
)
def test_only_the_optimizers_protect_the_q_functions(algorithm: Any, reached: list[str]) -> None:
    agent = build_agent(algorithm)
    report = audit_agent(agent)
    for name in critics_of(agent):
        cell = report["update/policy", name]
        assert cell.reached == (name in reached)
        assert cell.written == ("nonzero" if name in reached else "none")
        assert cell.movement == 0
    strict = replace_parts(contract(agent), "update", policy=trains("policy"))
    expected = {("update/policy", name, "leaked", "written") for name in reached}
    assert findings_in(audit_agent(agent, strict)) == expected


def test_the_policy_s_loss_moves_the_statistics_of_its_q_function() -> None:
    """The networks are in train mode; the targets and the bootstrap policy are in eval mode."""
    agent = build_agent(TD3, norm=True)
    report = audit_agent(agent)
    assert findings_in(report) == {("update/policy", "q_func1", "moved_by_other", "modes")}


def test_ddpg_moves_its_targets_while_it_observes() -> None:
    agent = build_agent()
    assert set(contract(agent).updates) == {"update", "sync", "acting"}
    report = audit_agent(agent)
    assert report["sync", "target_policy"].movers == ("Polyak from policy (tau 0.01)",)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_audit_leaves_no_trace(algorithm: Any) -> None:
    """An audited agent continues training exactly like one that was not audited."""
    agents = [build_agent(algorithm), build_agent(algorithm)]
    audit_agent(agents[0])
    for agent in agents:
        np.random.seed(1)  # noqa: NPY002 — PFRL draws from the global generator
        torch.manual_seed(1)
        updates(agent, batch_size=16)["update"]()
    for name in ("policy", *critics_of(agents[0])):
        states = [getattr(agent, name).state_dict() for agent in agents]
        assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert dict(agents[0].get_statistics()) == dict(agents[1].get_statistics())


def test_an_empty_buffer_is_refused_in_one_sentence() -> None:
    agent = build_agent()
    agent.replay_buffer = ReplayBuffer(capacity=10)
    with pytest.raises(ValueError, match=r"agent\.replay_buffer is empty: train the agent for"):
        updates(agent)


# Leaks planted from outside.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_optimizer_rebuilt_over_everything(algorithm: Any) -> None:
    agent = build_agent(algorithm)
    first = critics_of(agent)[0]
    with optimizer_over_everything(agent):
        report = audit_agent(agent)
    violations = findings_in(report)
    assert {f[:2] for f in violations} == {("update/policy", name) for name in critics_of(agent)}
    assert ("update/policy", first, "leaked", "membership") in violations
    finding = finding_in(report, "update/policy", first, "moved")
    assert "a step of the optimizer 'policy' applied it" in finding.message
    assert finding.path is not None
    assert f"self.{first}((" in finding.path.entry  # a line of the library


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, {"target_q_function"}),  # `sample` cuts the path to the target policy
        (TD3, {"target_q_func1", "target_q_func2"}),
        (SoftActorCritic, {"target_q_func1", "target_q_func2", "policy"}),
    ],
)
def test_a_target_that_keeps_its_graph(algorithm: Any, reached: set[str]) -> None:
    agent = build_agent(algorithm)
    critic = critics_of(agent)[0]
    with targets_with_graph(agent):
        report = audit_agent(agent)
    leaked = {f for f in findings_in(report) if f[3] == "written"}
    assert leaked == {(f"update/{critic}", name, "leaked", "written") for name in reached}
    path = report.find(kind="written")[0].path
    assert path is not None
    assert "torch.no_grad()" in path.stop


def test_a_target_that_is_the_online_critic() -> None:
    agent = build_agent(TD3)
    with critic_as_target(agent):
        violations = findings_in(audit_agent(agent))
    for module in ("q_func1", "target_q_func1"):
        assert ("setup", module, "leaked", "aliasing") in violations
    assert ("update/q_func1", "target_q_func1", "leaked", "moved") in violations


def test_a_replaced_alias() -> None:
    """DDPG syncs and saves `agent.model`; a new `agent.q_function` is trained by nothing."""
    agent = build_agent()
    with alias_of_a_replaced_critic(agent):
        violations = findings_in(audit_agent(agent))
    assert ("update/q_function", "q_function", "starved", "membership") in violations


@pytest.mark.parametrize("algorithm", [DDPG, TD3])
def test_sampled_actions_starve_the_policy(algorithm: Any) -> None:
    agent = build_agent(algorithm)
    with sampled_actions(agent):
        violations = findings_in(audit_agent(agent))
    assert ("update/policy", "policy", "starved", "reached") in violations


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_polyak_in_the_wrong_direction(algorithm: Any) -> None:
    agent = build_agent(algorithm)
    with swapped_targets(agent):
        violations = findings_in(audit_agent(agent))
    for name in critics_of(agent):
        assert (sync_row(agent), name, "moved_by_other", "moved") in violations
        assert (sync_row(agent), f"target_{name}", "starved", "moved") in violations
    assert {row for row, _, _, _ in violations} == {sync_row(agent)}


def test_a_temperature_that_the_policy_s_loss_reaches() -> None:
    agent = build_agent(SoftActorCritic)
    with temperature_with_graph(agent):
        report = audit_agent(agent)
    assert findings_in(report) == {("update/policy", "temperature", "leaked", "written")}
