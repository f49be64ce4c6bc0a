"""The audit on TorchRL: what its loss modules truly do, and leaks planted in them from outside.

Each leak is planted in a loop that comes out clean without it.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor
from torchrl.data import LazyTensorStorage, ListStorage, ReplayBuffer
from torchrl.objectives import SACLoss, TD3Loss

from ddpg.isolation import Contract, Grade, Report, audit, trains
from ddpg.isolation.contracts.torchrl import (
    contract,
    losses,
    modules,
    summed_contract,
    summed_update,
    updates,
)
from tests.peers.findings import faults, the
from tests.peers.plants_torchrl import (
    LOSSES,
    Loop,
    critic_attached,
    everything_summed,
    made,
    optimizer_over,
    optimizer_over_everything,
    target_that_is_the_critic,
    with_shared_trunk,
)


@pytest.fixture
def batch() -> TensorDict:
    """Eight transitions of noise."""
    torch.manual_seed(1)
    never = torch.zeros(8, 1, dtype=torch.bool)
    following = {
        "observation": torch.randn(8, 3),
        "reward": torch.randn(8, 1),
        "done": never,
        "terminated": never,
    }
    now = {"observation": torch.randn(8, 3), "action": torch.rand(8, 2) * 2 - 1}
    return TensorDict({**now, "next": following}, batch_size=[8])


def audited(
    loop: Loop,
    batch: TensorDict,
    terms: Contract | None = None,
    instead: Mapping[str, Callable[[], object]] | None = None,
) -> Report:
    usual = updates(loop.loss, loop.optimizers, loop.updater, batch)
    return audit(terms or contract(loop.loss, loop.optimizers), {**usual, **(instead or {})})


# What is true of the library.


@pytest.mark.parametrize("kind", LOSSES)
def test_the_library_keeps_its_contract(kind: Any, batch: TensorDict) -> None:
    loop = made(kind)
    report = audited(loop, batch)
    report.assert_kept()
    for name in losses(loop.loss).values():
        cell = report[f"{name}_update", name]
        assert (cell.grade, cell.movers) == (Grade.MOVED, (f"{name}: gradient",))
    assert report["sync", "critic_target"].movers == ("Polyak from critic (tau 0.1)",)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_actor_s_loss_leaves_no_gradient_in_the_critic(kind: Any, batch: TensorDict) -> None:
    """Unlike Stable-Baselines3 and Tianshou: nothing is left to membership here."""
    cell = audited(made(kind), batch)["actor_update", "critic"]
    assert (cell.grade, cell.reached, cell.written) == (Grade.NOTHING, False, "none")


@pytest.mark.parametrize("kind", LOSSES)
def test_one_backward_pass_for_the_sum_of_the_losses(kind: Any, batch: TensorDict) -> None:
    loop = made(kind)
    terms = summed_contract(loop.loss, loop.optimizers)
    audit(terms, lambda: summed_update(loop.loss, loop.optimizers, batch)).assert_kept()


@pytest.mark.parametrize("kind", [TD3Loss, SACLoss])
def test_the_sum_of_every_output_is_harmless_where_the_others_are_detached(
    kind: Any, batch: TensorDict
) -> None:
    loop = made(kind)
    terms = summed_contract(loop.loss, loop.optimizers)
    audit(terms, lambda: everything_summed(loop, batch)).assert_kept()


def test_pred_value_of_ddpg_loss_adds_to_the_critic_s_gradient(batch: TensorDict) -> None:
    """DDPGLoss builds `pred_value` outside of its no_grad block, and returns it with its graph."""
    loop = made()
    terms = summed_contract(loop.loss, loop.optimizers)
    report = audit(terms, lambda: everything_summed(loop, batch))
    assert faults(report) == {("update", "critic", "leaked", "moved")}
    finding = the(report, "update", "critic", "moved")
    assert (finding.loss, finding.grade) == ("pred_value", Grade.MOVED)
    assert "'pred_value'" in finding.message
    assert finding.path is not None
    assert "pred_value" in finding.path.stop

    # By hand: it is the gradient of the sum of Q, on top of the loss's.
    outputs = loop.loss(batch.clone())
    assert outputs["pred_value"].requires_grad
    parameters = list(loop.critic.parameters())

    def gradient(loss: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(loss, parameters, retain_graph=True))

    both = gradient(outputs["loss_value"] + outputs["pred_value"].sum())
    parts = zip(gradient(outputs["loss_value"]), gradient(outputs["pred_value"].sum()), strict=True)
    for whole, (right, extra) in zip(both, parts, strict=True):
        assert extra.abs().sum() > 0
        torch.testing.assert_close(whole, right + extra)


def test_a_trunk_that_both_losses_train(batch: TensorDict) -> None:
    loop, terms = with_shared_trunk(separate=False)
    audited(loop, batch, terms).assert_kept()


def test_separate_losses_leave_the_target_of_a_shared_trunk_behind(batch: TensorDict) -> None:
    """`SoftUpdate` leaves out what needs no gradient, which the critic's share of the trunk is."""
    loop, terms = with_shared_trunk(separate=True)
    report = audited(loop, batch, terms)
    assert faults(report) == {("sync", "critic_target", "starved", "moved")}
    behind = ("module.0.module.weight", "module.0.module.bias")
    assert the(report, "sync", "critic_target", "moved").tensors == behind

    # By hand: after twenty updates it is where it began.
    target = dict(loop.loss.target_value_network_params.named_buffers())
    before = {name: value.clone() for name, value in target.items()}
    for _ in range(20):
        for update in updates(loop.loss, loop.optimizers, loop.updater, batch).values():
            update()
    unmoved = {name for name, value in target.items() if torch.equal(value, before[name])}
    assert unmoved == set(behind)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_audit_leaves_no_trace(kind: Any, batch: TensorDict) -> None:
    """An audited loop goes on training exactly as one that never was."""
    loops = [made(kind), made(kind)]
    audited(loops[0], batch)
    for loop in loops:
        torch.manual_seed(2)
        for update in updates(loop.loss, loop.optimizers, loop.updater, batch).values():
            update()
    expected = loops[1].loss.state_dict()
    for name, value in loops[0].loss.state_dict().items():
        if isinstance(value, Tensor):
            assert torch.equal(value, expected[name]), name


# Leaks planted from outside.


@pytest.mark.parametrize("kind", LOSSES)
def test_an_optimizer_rebuilt_over_everything(kind: Any, batch: TensorDict) -> None:
    """Harmless as long as the critic is detached, since nothing is ever in its `.grad`: membership.

    With the critic attached, it moves.
    """
    loop = made(kind)
    audited(loop, batch).assert_kept()
    with optimizer_over_everything(loop):
        report = audited(loop, batch)
        others = {"critic", "alpha"} & set(modules(loop.loss))
        membership = {("actor_update", name, "leaked", "membership") for name in others}
        assert faults(report) == membership
        assert report["actor_update", "critic"].movement == 0
        with critic_attached(loop):
            report = audited(loop, batch)
    assert faults(report) == membership | {("actor_update", "critic", "leaked", "moved")}
    assert the(report, "actor_update", "critic", "moved").grade == Grade.MOVED


@pytest.mark.parametrize("kind", LOSSES)
def test_an_actor_loss_over_the_critic_s_own_parameters(kind: Any, batch: TensorDict) -> None:
    loop = made(kind)
    with critic_attached(loop):
        report = audited(loop, batch)
    assert faults(report) == {("actor_update", "critic", "leaked", "written")}
    path = the(report, "actor_update", "critic", "written").path
    assert path is not None
    assert any("torchrl/objectives" in step.line for step in path.steps)
    assert "freeze critic (requires_grad_(False))" in path.stop  # a detach would starve the actor


@pytest.mark.parametrize("kind", LOSSES)
def test_the_same_in_one_backward_pass_names_the_loss(kind: Any, batch: TensorDict) -> None:
    loop = made(kind)
    terms = summed_contract(loop.loss, loop.optimizers)
    with critic_attached(loop):
        report = audit(terms, lambda: summed_update(loop.loss, loop.optimizers, batch))
    assert faults(report) == {("update", "critic", "leaked", "moved")}
    assert the(report, "update", "critic", "moved").loss == "loss_actor"


@pytest.mark.parametrize("kind", LOSSES)
def test_a_target_that_is_the_online_critic(kind: Any, batch: TensorDict) -> None:
    loop = made(kind)
    with target_that_is_the_critic(loop):
        report = audited(loop, batch)
    found = faults(report)
    for module in ("critic", "critic_target"):
        assert ("setup", module, "leaked", "aliasing") in found
    assert ("critic_update", "critic_target", "leaked", "moved") in found


@pytest.mark.parametrize("kind", [TD3Loss, SACLoss])
def test_an_optimizer_over_the_network_that_was_passed_in(kind: Any, batch: TensorDict) -> None:
    """TD3Loss and SACLoss train two fresh critics; the one they were given is a mould."""
    loop = made(kind)
    with optimizer_over(loop, list(loop.critic.parameters())):
        audited(loop, batch).assert_kept()
    with optimizer_over(loop, loop.value_network.parameters()):
        report = audited(loop, batch)
    assert faults(report) == {("critic_update", "critic", "starved", "membership")}
    assert "no optimizer holds it" in the(report, "critic_update", "critic", "membership").message


def test_an_optimizer_of_the_critic_before_it_was_copied(batch: TensorDict) -> None:
    loop = made()
    with optimizer_over(loop, list(deepcopy(loop.critic).parameters())):
        report = audited(loop, batch)
    assert faults(report) == {("critic_update", "critic", "starved", "membership")}
    assert "stale" in the(report, "critic_update", "critic", "membership").message


def test_a_freeze_over_an_exhausted_iterator(batch: TensorDict) -> None:
    """Around an actor loss that needs it: one over the critic's own parameters."""
    loop = made()

    def frozen_update(parameters: Any) -> None:
        for parameter in parameters:
            parameter.requires_grad_(False)
        updates(loop.loss, loop.optimizers, loop.updater, batch)["actor_update"]()
        for parameter in parameters:
            parameter.requires_grad_(True)

    def report_of(parameters: Any) -> Report:
        with optimizer_over(loop, parameters), critic_attached(loop):
            return audited(loop, batch, instead={"actor_update": lambda: frozen_update(parameters)})

    report_of(list(loop.critic.parameters())).assert_kept()
    report = report_of(chain(loop.critic.parameters()))
    assert faults(report) == {("actor_update", "critic", "leaked", "written")}


@pytest.mark.parametrize("kind", LOSSES)
def test_targets_that_are_never_synced(kind: Any, batch: TensorDict) -> None:
    loop = made(kind)
    report = audited(loop, batch, instead={"sync": lambda: None})
    targets = [name for name in modules(loop.loss) if name.endswith("_target")]
    assert faults(report) == {("sync", name, "starved", "moved") for name in targets}


def test_polyak_in_the_wrong_direction(batch: TensorDict) -> None:
    loop = made()

    def backwards() -> None:
        online, target = loop.loss.value_network_params, loop.loss.target_value_network_params
        online.data.lerp_(target.data, 0.1)

    report = audited(loop, batch, instead={"sync": backwards})
    assert faults(report) == {
        ("sync", "critic", "moved_by_other", "moved"),
        ("sync", "critic_target", "starved", "moved"),
        ("sync", "actor_target", "starved", "moved"),
    }
    message = the(report, "sync", "critic", "moved").message
    assert "Polyak from critic_target (tau 0.1)" in message


@pytest.mark.parametrize("storage", [ListStorage, LazyTensorStorage])
def test_actions_stored_with_their_graph(storage: Any, batch: TensorDict) -> None:
    loop = made()

    def report_of(mode: Any) -> Report:
        replay = ReplayBuffer(storage=storage(max_size=100))
        replay.extend(batch.select("observation"))
        if storage is LazyTensorStorage:
            replay = ReplayBuffer(storage=storage(max_size=100))
            replay.extend(batch.select("observation", "action"))
        kept = contract(loop.loss, loop.optimizers, replay)

        def act() -> None:
            with mode():
                replay.extend(loop.loss.actor_network(batch.select("observation")))

        return audited(loop, batch, kept, instead={"acting": act})

    report_of(torch.no_grad).assert_kept()
    report = report_of(nullcontext)
    assert faults(report) == {("acting", "replay", "leaked", "stored")}
    assert "still carries the graph" in the(report, "acting", "replay", "stored").message


def test_a_training_batch_made_in_inference_mode(batch: TensorDict) -> None:
    """The actor's first layer cannot save it; the critic concatenates, which makes a new tensor."""
    loop = made()
    with torch.inference_mode():
        kept = batch.clone()

    def train(name: str, data: TensorDict) -> None:
        loss, _ = loop.loss.loss_actor(data) if name == "actor" else loop.loss.loss_value(data)
        loop.optimizers[name].zero_grad()
        loss.backward()
        loop.optimizers[name].step()

    def report_of(name: str, data: TensorDict) -> Report:
        return audited(loop, batch, instead={f"{name}_update": lambda: train(name, data)})

    report_of("actor", batch.clone()).assert_kept()
    report_of("critic", kept).assert_kept()
    report = report_of("actor", kept)
    assert ("actor_update", "actor", "leaked", "stored") in faults(report)
    assert "nference tensor" in the(report, "actor_update", "actor", "stored").message


@pytest.mark.parametrize("kind", LOSSES)
def test_a_contract_with_through_would_hide_what_the_ready_one_shows(
    kind: Any, batch: TensorDict
) -> None:
    loop = made(kind)
    ready = contract(loop.loss, loop.optimizers)
    loose = replace(
        ready, updates={**ready.updates, "actor_update": trains("actor", through="critic")}
    )
    with critic_attached(loop):
        report = audited(loop, batch, loose)
    report.assert_kept()
    assert "by optimizer membership alone" in report["actor_update", "critic"].reason
