"""The audit on Tianshou: what its algorithms truly do, and leaks planted in them from outside.

Each leak is planted in an algorithm that comes out clean without it.
"""

from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from tianshou.algorithm.modelfree.ddpg import DDPG
from tianshou.algorithm.modelfree.sac import SAC
from tianshou.algorithm.modelfree.td3 import TD3
from tianshou.data import Batch, ReplayBuffer
from torch import nn

from ddpg.isolation import Contract, Grade, Report, audit, trains
from ddpg.isolation.contracts.tianshou import contract, updates
from tests.peers.findings import faults, the, with_parts
from tests.peers.plants_tianshou import (
    ALGORITHMS,
    Algorithm,
    critic_replaced,
    freezing,
    made,
    optimizer_over_everything,
    pairs_swapped,
    target_copied,
    target_that_is_the_critic,
    targets_in_torch,
    temperature_attached,
)


@pytest.fixture
def buffer() -> ReplayBuffer:
    """Transitions `[step, 3]` of noise; the networks need nothing better."""
    random = np.random.default_rng(0)
    buffer = ReplayBuffer(size=100)
    for _ in range(80):
        transition: Any = Batch(
            obs=random.normal(size=3),
            act=random.uniform(-1, 1, size=2),
            rew=random.normal(),
            terminated=False,
            truncated=False,
            obs_next=random.normal(size=3),
            info={},
        )
        buffer.add(transition)
    return buffer


def audited(algorithm: Algorithm, buffer: ReplayBuffer, terms: Contract | None = None) -> Report:
    return audit(terms or contract(algorithm, buffer), updates(algorithm, buffer, batch_size=16))


# What is true of the library.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_library_keeps_its_contract(algorithm: Any, buffer: ReplayBuffer) -> None:
    report = audited(made(algorithm), buffer)
    report.assert_kept()
    names = {DDPG: ["critic"], TD3: ["critic", "critic2"], SAC: ["critic", "critic2", "alpha"]}
    for name in [*names[algorithm], "actor"]:
        cell = report[f"update/{name}", name]
        assert (cell.grade, cell.movers) == (Grade.MOVED, (f"{name}: gradient",))


@pytest.mark.parametrize(
    ("algorithm", "reached", "unreached"),
    [
        (DDPG, ["critic"], []),
        (TD3, ["critic"], ["critic2"]),  # the actor's loss asks the first critic alone
        (SAC, ["critic", "critic2"], []),
    ],
)
def test_only_membership_keeps_the_critics_from_the_actor_s_gradient(
    algorithm: Any, reached: list[str], unreached: list[str], buffer: ReplayBuffer
) -> None:
    report = audited(made(algorithm), buffer)
    for name in reached:
        cell = report["update/actor", name]
        assert (cell.verdict, cell.grade, cell.written) == ("kept", Grade.NONZERO, "nonzero")
        assert cell.movement == 0
        assert "by optimizer membership alone" in cell.reason
    for name in unreached:
        assert not report["update/actor", name].reached


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_contract_that_wants_a_stop_there_is_broken(algorithm: Any, buffer: ReplayBuffer) -> None:
    planted = made(algorithm)
    strict = with_parts(contract(planted, buffer), "update", actor=trains("actor"))
    report = audited(planted, buffer, strict)
    reached = ["critic", "critic2"] if algorithm is SAC else ["critic"]
    assert faults(report) == {("update/actor", name, "leaked", "written") for name in reached}


@pytest.mark.parametrize("algorithm", [TD3, SAC])
def test_two_critics_that_are_always_one(algorithm: Any, buffer: ReplayBuffer) -> None:
    """Unless a second one is passed in it is a copy, and sees the same batches and targets.

    No contract speaks of it, but the report shows the same numbers for both.
    """
    twins = made(algorithm)
    report = audited(twins, buffer)
    first, second = report["update/critic", "critic"], report["update/critic2", "critic2"]
    assert (first.gradient_norm, first.movement) == (second.gradient_norm, second.movement)
    for _ in range(5):
        updates(twins, buffer, batch_size=16)["update"]()
    for one, other in zip(twins.critic.parameters(), twins.critic2.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_audit_leaves_no_trace(algorithm: Any, buffer: ReplayBuffer) -> None:
    """An audited algorithm goes on training exactly as one that never was."""
    algorithms = [made(algorithm), made(algorithm)]
    twins = [buffer, deepcopy(buffer)]
    audited(algorithms[0], buffer)
    for each, data in zip(algorithms, twins, strict=True):
        torch.manual_seed(1)
        updates(each, data, batch_size=16)["update"]()
    expected = dict(algorithms[1].named_parameters())
    for name, value in algorithms[0].named_parameters():
        assert torch.equal(value, expected[name]), name
    assert getattr(algorithms[0], "_cnt", 0) == getattr(algorithms[1], "_cnt", 0)


def test_an_empty_buffer_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="the buffer is empty: collect some steps first"):
        updates(made(), ReplayBuffer(size=10))


# Leaks planted from outside.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_optimizer_rebuilt_over_everything(algorithm: Any, buffer: ReplayBuffer) -> None:
    planted = made(algorithm)
    audited(planted, buffer).assert_kept()
    with optimizer_over_everything(planted):
        report = audited(planted, buffer)
    found = faults(report)
    assert ("update/actor", "critic", "leaked", "membership") in found
    assert ("update/actor", "critic", "leaked", "moved") in found
    # SAC's minimum may pick the other critic everywhere: then Adam's momentum moves this one.
    assert {(row, module) for row, module, _, _ in found} == {("update/actor", "critic")}
    (finding,) = report.find(update="update/actor", kind="moved", verdict="leaked")
    assert finding.grade == Grade.MOVED
    assert "a step of the optimizer 'actor' applied it" in finding.message
    assert finding.path is not None
    assert "self.critic(batch.obs" in finding.path.entry  # the library's own line
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
    planted = made(algorithm)
    with targets_in_torch(planted, grad=False):
        audited(planted, buffer).assert_kept()
    with targets_in_torch(planted, grad=True):
        report = audited(planted, buffer)
    found = faults(report)
    leaked = {("update/critic", name, "leaked", "written") for name in reached}
    # The second critic goes backward through the graph that the first one freed: PyTorch raises.
    raises = {("update/critic2", "critic2", "leaked", "stored")} if algorithm is not DDPG else set()
    assert found == leaked | raises
    path = the(report, "update/critic", "critic_old", "written").path
    assert path is not None
    assert "torch.no_grad()" in path.stop
    assert any("algorithm._target_q_compute_value(" in step.line for step in path.steps)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_that_is_the_online_critic(algorithm: Any, buffer: ReplayBuffer) -> None:
    planted = made(algorithm)
    audited(planted, buffer).assert_kept()
    with target_that_is_the_critic(planted):
        report = audited(planted, buffer)
    found = faults(report)
    for module in ("critic", "critic_old"):
        assert ("setup", module, "leaked", "aliasing") in found
    assert ("update/critic", "critic_old", "leaked", "moved") in found


def test_a_critic_put_in_by_hand(buffer: ReplayBuffer) -> None:
    """The optimizer goes on training the old one, and the target goes on following it."""
    planted = made()
    with critic_replaced(planted, with_the_rest=True):
        audited(planted, buffer).assert_kept()
    with critic_replaced(planted, with_the_rest=False):
        report = audited(planted, buffer)
    found = faults(report)
    assert ("update/critic", "critic", "starved", "membership") in found
    assert "stale" in the(report, "update/critic", "critic", "membership").message
    assert {module for row, module, _, _ in found if row == "update/rest"} == {"critic_old"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_polyak_in_the_wrong_direction(algorithm: Any, buffer: ReplayBuffer) -> None:
    planted = made(algorithm)
    audited(planted, buffer).assert_kept()
    with pairs_swapped(planted):
        report = audited(planted, buffer)
    found = faults(report)
    assert {row for row, _, _, _ in found} == {"update/rest"}
    assert ("update/rest", "critic", "moved_by_other", "moved") in found
    assert ("update/rest", "critic_old", "starved", "moved") in found


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_that_is_not_the_one_that_is_synced(algorithm: Any, buffer: ReplayBuffer) -> None:
    planted = made(algorithm)
    with target_copied(planted):
        report = audited(planted, buffer)
    assert faults(report) == {("update/rest", "critic_old", "starved", "moved")}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_freeze_over_an_exhausted_iterator(algorithm: Any, buffer: ReplayBuffer) -> None:
    planted = made(algorithm)
    through = ("critic2",) if algorithm is SAC else ()
    actor = trains("actor", through=through, frozen="critic")
    frozen = with_parts(contract(planted, buffer), "update", actor=actor)
    with freezing(planted, list(planted.critic.parameters())):
        audited(planted, buffer, frozen).assert_kept()
    with freezing(planted, chain(planted.critic.parameters())):
        report = audited(planted, buffer, frozen)
    assert faults(report) == {
        ("update/actor", "critic", "leaked", "written"),
        ("update/actor", "critic", "leaked", "modes"),
    }


def test_a_temperature_that_the_actor_s_loss_reaches(buffer: ReplayBuffer) -> None:
    planted = made(SAC)
    audited(planted, buffer).assert_kept()
    with temperature_attached():
        report = audited(planted, buffer)
    assert faults(report) == {("update/actor", "alpha", "leaked", "written")}
    path = the(report, "update/actor", "alpha", "written").path
    assert path is not None
    assert "alpha._log_alpha.exp()" in path.entry


def test_a_target_without_its_wrapper_runs_in_train_mode(buffer: ReplayBuffer) -> None:
    """`EvalModeModuleWrapper` holds it in eval mode; a plain wrapper does not."""

    class Plain(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, *arguments: Any) -> Any:
            return self.module(*arguments)

    planted = made()
    audited(planted, buffer).assert_kept()
    planted.critic_old = Plain(planted.critic_old.module).train()
    report = audited(planted, buffer)
    assert faults(report) == {("update/critic", "critic_old", "leaked", "modes")}


def test_acting_in_train_mode_moves_the_batch_statistics(buffer: ReplayBuffer) -> None:
    planted = made(norm=True)
    ready = contract(planted, buffer)

    def act(training: bool) -> Callable[[], object]:
        planted.policy.train(training)
        return lambda: planted.policy(Batch(obs=buffer[:4].obs, info=Batch()))

    audit(ready, {"acting": act(training=False)}).assert_kept()
    report = audit(ready, {"acting": act(training=True)})
    assert faults(report) == {
        ("acting", "actor", "moved_by_other", "modes"),
        ("acting", "actor", "leaked", "modes"),
    }
