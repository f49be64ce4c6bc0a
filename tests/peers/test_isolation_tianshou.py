"""The audit on Tianshou: facts about its algorithms, and leaks planted in them.

Each leak is planted in an algorithm that keeps its contract without the leak.
"""

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any

import pytest
import torch
from tianshou.algorithm.modelfree.ddpg import DDPG
from tianshou.algorithm.modelfree.sac import SAC
from tianshou.algorithm.modelfree.td3 import TD3
from tianshou.data import Batch, ReplayBuffer
from torch import nn

from ddpg.isolation import Contract, Grade, Report, audit, trains
from ddpg.isolation.contracts.tianshou import contract, updates
from tests.peers.findings import finding_in, findings_in, replace_parts
from tests.peers.plants_tianshou import (
    ALGORITHMS,
    Algorithm,
    attached_temperature,
    build_algorithm,
    copied_target,
    critic_as_target,
    frozen_critic,
    optimizer_over_everything,
    random_buffer,
    replaced_critic,
    swapped_targets,
    targets_in_torch,
)


@pytest.fixture
def buffer() -> ReplayBuffer:
    return random_buffer()


def audit_algorithm(
    algorithm: Algorithm, buffer: ReplayBuffer, changed: Contract | None = None
) -> Report:
    return audit(changed or contract(algorithm, buffer), updates(algorithm, buffer, batch_size=16))


# Facts about the library.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_library_keeps_its_contract(algorithm: Any, buffer: ReplayBuffer) -> None:
    report = audit_algorithm(build_algorithm(algorithm), buffer)
    report.assert_kept()
    names = {DDPG: ["critic"], TD3: ["critic", "critic2"], SAC: ["critic", "critic2", "alpha"]}
    for name in [*names[algorithm], "actor"]:
        cell = report[f"update/{name}", name]
        assert (cell.grade, cell.movers) == (Grade.MOVED, (f"{name}: gradient",))


@pytest.mark.parametrize(
    ("algorithm", "reached", "unreached"),
    [
        (DDPG, ["critic"], []),
        (TD3, ["critic"], ["critic2"]),  # the actor's loss uses only the first critic
        (SAC, ["critic", "critic2"], []),
    ],
)
def test_only_the_optimizers_protect_the_critics_from_the_actor_s_gradient(
    algorithm: Any, reached: list[str], unreached: list[str], buffer: ReplayBuffer
) -> None:
    report = audit_algorithm(build_algorithm(algorithm), buffer)
    for name in reached:
        cell = report["update/actor", name]
        assert (cell.verdict, cell.grade, cell.written) == ("kept", Grade.NONZERO, "nonzero")
        assert cell.movement == 0
        assert "no optimizer that stepped holds it" in cell.reason
    for name in unreached:
        assert not report["update/actor", name].reached


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_contract_without_through_is_broken(algorithm: Any, buffer: ReplayBuffer) -> None:
    instance = build_algorithm(algorithm)
    strict = replace_parts(contract(instance, buffer), "update", actor=trains("actor"))
    report = audit_algorithm(instance, buffer, strict)
    reached = ["critic", "critic2"] if algorithm is SAC else ["critic"]
    assert findings_in(report) == {("update/actor", name, "leaked", "written") for name in reached}


@pytest.mark.parametrize("algorithm", [TD3, SAC])
def test_the_default_second_critic_equals_the_first(algorithm: Any, buffer: ReplayBuffer) -> None:
    """The default second critic is a copy and is trained on the same batches and targets.

    No contract forbids this, but the report shows the same numbers for both.
    """
    instance = build_algorithm(algorithm)
    report = audit_algorithm(instance, buffer)
    first, second = report["update/critic", "critic"], report["update/critic2", "critic2"]
    assert (first.gradient_norm, first.movement) == (second.gradient_norm, second.movement)
    for _ in range(5):
        updates(instance, buffer, batch_size=16)["update"]()
    pairs = zip(instance.critic.parameters(), instance.critic2.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_audit_leaves_no_trace(algorithm: Any, buffer: ReplayBuffer) -> None:
    """An audited algorithm continues training exactly like one that was not audited."""
    algorithms = [build_algorithm(algorithm), build_algorithm(algorithm)]
    buffers = [buffer, deepcopy(buffer)]
    audit_algorithm(algorithms[0], buffer)
    for each, data in zip(algorithms, buffers, strict=True):
        torch.manual_seed(1)
        updates(each, data, batch_size=16)["update"]()
    expected = dict(algorithms[1].named_parameters())
    for name, value in algorithms[0].named_parameters():
        assert torch.equal(value, expected[name]), name
    assert getattr(algorithms[0], "_cnt", 0) == getattr(algorithms[1], "_cnt", 0)


def test_an_empty_buffer_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="the buffer is empty: collect some steps first"):
        updates(build_algorithm(), ReplayBuffer(size=10))


# Leaks planted from outside.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_optimizer_rebuilt_over_everything(algorithm: Any, buffer: ReplayBuffer) -> None:
    instance = build_algorithm(algorithm)
    audit_algorithm(instance, buffer).assert_kept()
    with optimizer_over_everything(instance):
        report = audit_algorithm(instance, buffer)
    violations = findings_in(report)
    assert ("update/actor", "critic", "leaked", "membership") in violations
    assert ("update/actor", "critic", "leaked", "moved") in violations
    # If SAC's minimum is the other critic for all samples, Adam's momentum moves this one.
    assert {(row, module) for row, module, _, _ in violations} == {("update/actor", "critic")}
    (finding,) = report.find(update="update/actor", kind="moved", verdict="leaked")
    assert finding.grade == Grade.MOVED
    assert "a step of the optimizer 'actor' applied it" in finding.message
    assert finding.path is not None
    assert "self.critic(batch.obs" in finding.path.entry  # a line of the library
    assert "leave critic's parameters out of the optimizer" in finding.path.stop


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, {"critic_old", "actor_old"}),
        (TD3, {"critic_old", "critic2_old", "actor_old"}),
        (SAC, {"critic_old", "critic2_old", "actor"}),
    ],
)
def test_a_target_that_keeps_its_graph(
    algorithm: Any, reached: set[str], buffer: ReplayBuffer
) -> None:
    instance = build_algorithm(algorithm)
    with targets_in_torch(instance, grad=False):
        audit_algorithm(instance, buffer).assert_kept()
    with targets_in_torch(instance, grad=True):
        report = audit_algorithm(instance, buffer)
    violations = findings_in(report)
    leaked = {("update/critic", name, "leaked", "written") for name in reached}
    # PyTorch raises: the second critic's backward pass needs the graph that the first freed.
    raised = {("update/critic2", "critic2", "leaked", "stored")} if algorithm is not DDPG else set()
    assert violations == leaked | raised
    path = finding_in(report, "update/critic", "critic_old", "written").path
    assert path is not None
    assert "torch.no_grad()" in path.stop
    assert any("algorithm._target_q_compute_value(" in step.line for step in path.steps)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_that_is_the_online_critic(algorithm: Any, buffer: ReplayBuffer) -> None:
    instance = build_algorithm(algorithm)
    audit_algorithm(instance, buffer).assert_kept()
    with critic_as_target(instance):
        report = audit_algorithm(instance, buffer)
    violations = findings_in(report)
    for module in ("critic", "critic_old"):
        assert ("setup", module, "leaked", "aliasing") in violations
    assert ("update/critic", "critic_old", "leaked", "moved") in violations


def test_a_replaced_critic(buffer: ReplayBuffer) -> None:
    """The optimizer still trains the old critic, and the target still follows it."""
    instance = build_algorithm()
    with replaced_critic(instance, consistent=True):
        audit_algorithm(instance, buffer).assert_kept()
    with replaced_critic(instance, consistent=False):
        report = audit_algorithm(instance, buffer)
    violations = findings_in(report)
    assert ("update/critic", "critic", "starved", "membership") in violations
    assert "stale" in finding_in(report, "update/critic", "critic", "membership").message
    assert {module for row, module, _, _ in violations if row == "update/rest"} == {"critic_old"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_polyak_in_the_wrong_direction(algorithm: Any, buffer: ReplayBuffer) -> None:
    instance = build_algorithm(algorithm)
    audit_algorithm(instance, buffer).assert_kept()
    with swapped_targets(instance):
        report = audit_algorithm(instance, buffer)
    violations = findings_in(report)
    assert {row for row, _, _, _ in violations} == {"update/rest"}
    assert ("update/rest", "critic", "moved_by_other", "moved") in violations
    assert ("update/rest", "critic_old", "starved", "moved") in violations


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_copy_of_the_target_is_not_synced(algorithm: Any, buffer: ReplayBuffer) -> None:
    instance = build_algorithm(algorithm)
    with copied_target(instance):
        report = audit_algorithm(instance, buffer)
    assert findings_in(report) == {("update/rest", "critic_old", "starved", "moved")}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_freeze_over_an_exhausted_iterator(algorithm: Any, buffer: ReplayBuffer) -> None:
    instance = build_algorithm(algorithm)
    through = ("critic2",) if algorithm is SAC else ()
    actor = trains("actor", through=through, frozen="critic")
    frozen = replace_parts(contract(instance, buffer), "update", actor=actor)
    with frozen_critic(instance, list(instance.critic.parameters())):
        audit_algorithm(instance, buffer, frozen).assert_kept()
    with frozen_critic(instance, chain(instance.critic.parameters())):
        report = audit_algorithm(instance, buffer, frozen)
    assert findings_in(report) == {
        ("update/actor", "critic", "leaked", "written"),
        ("update/actor", "critic", "leaked", "modes"),
    }


def test_a_temperature_that_the_actor_s_loss_reaches(buffer: ReplayBuffer) -> None:
    instance = build_algorithm(SAC)
    audit_algorithm(instance, buffer).assert_kept()
    with attached_temperature():
        report = audit_algorithm(instance, buffer)
    assert findings_in(report) == {("update/actor", "alpha", "leaked", "written")}
    path = finding_in(report, "update/actor", "alpha", "written").path
    assert path is not None
    assert "alpha._log_alpha.exp()" in path.entry


def test_a_target_without_its_wrapper_runs_in_train_mode(buffer: ReplayBuffer) -> None:
    """`EvalModeModuleWrapper` keeps it in eval mode; a plain wrapper does not."""

    class PlainWrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, *arguments: Any) -> Any:
            return self.module(*arguments)

    instance = build_algorithm()
    audit_algorithm(instance, buffer).assert_kept()
    instance.critic_old = PlainWrapper(instance.critic_old.module).train()
    report = audit_algorithm(instance, buffer)
    assert findings_in(report) == {("update/critic", "critic_old", "leaked", "modes")}


def test_acting_in_train_mode_moves_the_batch_statistics(buffer: ReplayBuffer) -> None:
    instance = build_algorithm(norm=True)
    ready = contract(instance, buffer)

    def act(training: bool) -> Callable[[], object]:
        instance.policy.train(training)
        return lambda: instance.policy(Batch(obs=buffer[:4].obs, info=Batch()))

    audit(ready, {"acting": act(training=False)}).assert_kept()
    report = audit(ready, {"acting": act(training=True)})
    assert findings_in(report) == {
        ("acting", "actor", "moved_by_other", "modes"),
        ("acting", "actor", "leaked", "modes"),
    }
