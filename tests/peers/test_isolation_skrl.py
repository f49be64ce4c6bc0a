"""The audit on skrl: facts about its agents, and leaks planted in them.

Each leak is planted in an agent that keeps its contract without the leak.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from skrl.agents.torch.ddpg import DDPG
from skrl.agents.torch.sac import SAC
from skrl.agents.torch.td3 import TD3

from ddpg.isolation import Contract, Grade, Report, audit, trains
from ddpg.isolation.contracts.skrl import contract, updates
from tests.peers.findings import finding_in, findings_in, replace_parts
from tests.peers.plants_skrl import (
    ALGORITHMS,
    Agent,
    build_agent,
    critic_as_target,
    critics_of,
    forgotten_sync,
    optimizer_over_everything,
    replaced_critic,
    swapped_targets,
    targets_with_graph,
    with_scaler,
)


def audit_agent(agent: Agent, changed: Contract | None = None) -> Report:
    return audit(changed or contract(agent), updates(agent))


# Facts about the library.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_library_keeps_its_contract(algorithm: Any) -> None:
    agent = build_agent(algorithm)
    report = audit_agent(agent)
    report.assert_kept()
    assert not report.notes
    for name in critics_of(agent):
        cell = report["update/critic", name]
        assert (cell.grade, cell.movers) == (Grade.MOVED, ("critic: gradient",))
    for name in ("policy", "entropy") if algorithm is SAC else ("policy",):
        assert report[f"update/{name}", name].movers == (f"{name}: gradient",)


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, ["critic"]),
        (TD3, ["critic_1"]),  # the policy's loss uses only the first critic
        (SAC, ["critic_1", "critic_2"]),
    ],
)
def test_only_the_optimizers_protect_the_critics(algorithm: Any, reached: list[str]) -> None:
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


def test_the_targets_have_two_barriers() -> None:
    """They require no gradient, and `no_grad` is around them: one without the other is enough."""
    agent = build_agent()
    with targets_with_graph(agent, frozen=True):
        audit_agent(agent).assert_kept()


def test_the_targets_run_in_train_mode_and_their_statistics_are_not_synced() -> None:
    """Without BatchNorm this has no effect: `update` puts all models in train mode."""
    agent = build_agent()
    modes = trains("critic", eval_mode=("target_policy", "target_critic"))
    report = audit_agent(agent, replace_parts(contract(agent), "update", critic=modes))
    targets = ("target_critic", "target_policy")
    assert findings_in(report) == {("update/critic", each, "leaked", "modes") for each in targets}
    report = audit_agent(build_agent(norm=True))
    moved = {
        ("update/critic", "target_critic"),
        ("update/critic", "target_policy"),
        ("update/policy", "critic"),
    }
    assert {f[:2] for f in findings_in(report) if f[3] == "modes"} == moved


def test_the_running_statistics_of_the_observations() -> None:
    agent = with_scaler()
    report = audit_agent(agent)
    report.assert_kept()
    assert report["update/rest", "observation_preprocessor"].movement > 0
    assert report["acting", "observation_preprocessor"].movement == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_audit_leaves_no_trace(algorithm: Any) -> None:
    """An audited agent continues training exactly like one that was not audited."""
    agents = [build_agent(algorithm), build_agent(algorithm)]
    audit_agent(agents[0])
    for agent in agents:
        torch.manual_seed(1)
        updates(agent)["update"]()
    for name, model in agents[1].models.items():
        state = agents[0].models[name].state_dict()
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert agents[0].tracking_data == agents[1].tracking_data


def test_an_empty_memory_is_refused_in_one_sentence() -> None:
    agent = build_agent()
    agent.memory.reset()
    with pytest.raises(ValueError, match=r"agent\.memory is empty: run a trainer for some steps"):
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
    assert f"self.{first}.act(" in finding.path.entry  # a line of the library
    assert f"leave {first}'s parameters out of the optimizer" in finding.path.stop


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, {"target_critic", "target_policy"}),
        (SAC, {"target_critic_1", "target_critic_2", "policy"}),
    ],
)
def test_a_target_that_keeps_its_graph(algorithm: Any, reached: set[str]) -> None:
    agent = build_agent(algorithm)
    with targets_with_graph(agent, frozen=False):
        report = audit_agent(agent)
    assert findings_in(report) == {("update/critic", name, "leaked", "written") for name in reached}
    path = report.findings[0].path
    assert path is not None
    assert "torch.no_grad()" in path.stop


def test_a_target_with_its_graph_and_noise_in_place() -> None:
    """PyTorch raises: the noise of TD3 changes the output of the target policy's last layer."""
    agent = build_agent(TD3)
    with targets_with_graph(agent, frozen=False):
        report = audit_agent(agent)
    raised = {("update/critic", name, "moved_by_other", "order") for name in critics_of(agent)}
    # The agent stays in train mode.
    assert findings_in(report) == raised | {("acting", "policy", "leaked", "modes")}


def test_a_target_that_is_the_online_critic() -> None:
    agent = build_agent()
    with critic_as_target(agent):
        violations = findings_in(audit_agent(agent))
    for module in ("critic", "target_critic"):
        assert ("setup", module, "leaked", "aliasing") in violations
    assert ("update/critic", "target_critic", "leaked", "moved") in violations


def test_a_replaced_critic() -> None:
    """The optimizer still trains the old critic."""
    agent = build_agent()
    with replaced_critic(agent, consistent=True):
        audit_agent(agent).assert_kept()
    with replaced_critic(agent, consistent=False):
        report = audit_agent(agent)
    assert ("update/critic", "critic", "starved", "membership") in findings_in(report)
    assert "stale" in finding_in(report, "update/critic", "critic", "membership").message


@pytest.mark.parametrize("algorithm", [DDPG, SAC])
def test_polyak_in_the_wrong_direction(algorithm: Any) -> None:
    agent = build_agent(algorithm)
    with swapped_targets():
        violations = findings_in(audit_agent(agent))
    for name in critics_of(agent):
        assert ("update/rest", name, "moved_by_other", "moved") in violations
        assert ("update/rest", f"target_{name}", "starved", "moved") in violations
    assert {row for row, _, _, _ in violations} == {"update/rest"}


def test_targets_that_are_never_synced() -> None:
    agent = build_agent(TD3)
    with forgotten_sync():
        violations = findings_in(audit_agent(agent))
    targets = ("target_policy", "target_critic_1", "target_critic_2")
    assert violations == {("update/rest", name, "starved", "moved") for name in targets}


def test_acting_in_train_mode_moves_the_batch_statistics() -> None:
    agent = build_agent(norm=True)
    ready = contract(agent)

    def act(training: bool) -> Callable[[], object]:
        agent.enable_models_training_mode(training)
        return lambda: agent.act(torch.randn(4, 3), None, timestep=0, timesteps=1)

    audit(ready, {"acting": act(training=False)}).assert_kept()
    assert findings_in(audit(ready, {"acting": act(training=True)})) == {
        ("acting", "policy", "moved_by_other", "modes"),
        ("acting", "policy", "leaked", "modes"),
    }
