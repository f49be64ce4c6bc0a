"""The audit on TorchRL: facts about its loss modules, and leaks planted in them.

Each leak is planted in a loop that keeps its contract without the leak.
"""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from functools import partial
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
from tests.peers.findings import finding_in, findings_in, frozen
from tests.peers.plants_torchrl import (
    LOSSES,
    Loop,
    attached_critic,
    build_loop,
    build_shared_trunk,
    critic_as_target,
    optimizer_over,
    optimizer_over_everything,
    random_batch,
    update_on_all_outputs,
)


@pytest.fixture
def batch() -> TensorDict:
    return random_batch()


def audit_loop(
    loop: Loop,
    batch: TensorDict,
    changed: Contract | None = None,
    replaced: Mapping[str, Callable[[], object]] | None = None,
) -> Report:
    all_updates = updates(loop.loss, loop.optimizers, loop.updater, batch) | dict(replaced or {})
    return audit(changed or contract(loop.loss, loop.optimizers), all_updates)


# Facts about the library.


@pytest.mark.parametrize("kind", LOSSES)
def test_the_library_keeps_its_contract(kind: Any, batch: TensorDict) -> None:
    loop = build_loop(kind)
    report = audit_loop(loop, batch)
    report.assert_kept()
    for name in losses(loop.loss).values():
        cell = report[f"{name}_update", name]
        assert (cell.grade, cell.movers) == (Grade.MOVED, (f"{name}: gradient",))
    assert report["sync", "critic_target"].movers == ("Polyak from critic (tau 0.1)",)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_actor_s_loss_leaves_no_gradient_in_the_critic(kind: Any, batch: TensorDict) -> None:
    """Unlike in Stable-Baselines3 and Tianshou, where only the optimizers protect the critic."""
    cell = audit_loop(build_loop(kind), batch)["actor_update", "critic"]
    assert (cell.grade, cell.reached, cell.written) == (Grade.NOTHING, False, "none")


@pytest.mark.parametrize("kind", LOSSES)
def test_one_backward_pass_for_the_sum_of_the_losses(kind: Any, batch: TensorDict) -> None:
    loop = build_loop(kind)
    summed = summed_contract(loop.loss, loop.optimizers)
    audit(summed, lambda: summed_update(loop.loss, loop.optimizers, batch)).assert_kept()


@pytest.mark.parametrize("kind", [TD3Loss, SACLoss])
def test_the_sum_of_all_outputs_is_harmless_if_the_others_are_detached(
    kind: Any, batch: TensorDict
) -> None:
    loop = build_loop(kind)
    summed = summed_contract(loop.loss, loop.optimizers)
    audit(summed, lambda: update_on_all_outputs(loop, batch)).assert_kept()


def test_pred_value_of_ddpg_loss_adds_to_the_critic_s_gradient(batch: TensorDict) -> None:
    """DDPGLoss computes `pred_value` outside its no_grad block and returns it with its graph."""
    loop = build_loop()
    summed = summed_contract(loop.loss, loop.optimizers)
    report = audit(summed, lambda: update_on_all_outputs(loop, batch))
    assert findings_in(report) == {("update", "critic", "leaked", "moved")}
    finding = finding_in(report, "update", "critic", "moved")
    assert (finding.loss, finding.grade) == ("pred_value", Grade.MOVED)
    assert "'pred_value'" in finding.message
    assert finding.path is not None
    assert "pred_value" in finding.path.stop

    # The difference is the gradient of the sum of Q.
    outputs = loop.loss(batch.clone())
    assert outputs["pred_value"].requires_grad
    parameters = list(loop.critic.parameters())

    def gradient(loss: Tensor) -> list[Tensor]:
        return list(torch.autograd.grad(loss, parameters, retain_graph=True))

    both = gradient(outputs["loss_value"] + outputs["pred_value"].sum())
    parts = zip(gradient(outputs["loss_value"]), gradient(outputs["pred_value"].sum()), strict=True)
    for total, (own, extra) in zip(both, parts, strict=True):
        assert extra.abs().sum() > 0
        torch.testing.assert_close(total, own + extra)


def test_a_trunk_that_both_losses_train(batch: TensorDict) -> None:
    loop, with_trunk = build_shared_trunk(separate=False)
    audit_loop(loop, batch, with_trunk).assert_kept()


def test_separate_losses_never_sync_the_target_of_a_shared_trunk(batch: TensorDict) -> None:
    """`SoftUpdate` skips parameters that need no gradient, as the critic's part of the trunk."""
    loop, with_trunk = build_shared_trunk(separate=True)
    report = audit_loop(loop, batch, with_trunk)
    assert findings_in(report) == {("sync", "critic_target", "starved", "moved")}
    trunk = ("module.0.module.weight", "module.0.module.bias")
    assert finding_in(report, "sync", "critic_target", "moved").tensors == trunk

    # After twenty updates the target's trunk still has its initial values.
    target = dict(loop.loss.target_value_network_params.named_buffers())
    before = {name: value.clone() for name, value in target.items()}
    for _ in range(20):
        for update in updates(loop.loss, loop.optimizers, loop.updater, batch).values():
            update()
    unmoved = {name for name, value in target.items() if torch.equal(value, before[name])}
    assert unmoved == set(trunk)


@pytest.mark.parametrize("kind", LOSSES)
def test_the_audit_leaves_no_trace(kind: Any, batch: TensorDict) -> None:
    """An audited loop continues training exactly like one that was not audited."""
    loops = [build_loop(kind), build_loop(kind)]
    audit_loop(loops[0], batch)
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
    """While the critic is detached its `.grad` is None, so the finding is membership alone.

    With an attached critic, the critic moves.
    """
    loop = build_loop(kind)
    audit_loop(loop, batch).assert_kept()
    with optimizer_over_everything(loop):
        report = audit_loop(loop, batch)
        others = {"critic", "alpha"} & set(modules(loop.loss))
        membership = {("actor_update", name, "leaked", "membership") for name in others}
        assert findings_in(report) == membership
        assert report["actor_update", "critic"].movement == 0
        with attached_critic(loop):
            report = audit_loop(loop, batch)
    assert findings_in(report) == membership | {("actor_update", "critic", "leaked", "moved")}
    assert finding_in(report, "actor_update", "critic", "moved").grade == Grade.MOVED


@pytest.mark.parametrize("kind", LOSSES)
def test_an_actor_loss_over_the_critic_s_own_parameters(kind: Any, batch: TensorDict) -> None:
    loop = build_loop(kind)
    with attached_critic(loop):
        report = audit_loop(loop, batch)
    assert findings_in(report) == {("actor_update", "critic", "leaked", "written")}
    path = finding_in(report, "actor_update", "critic", "written").path
    assert path is not None
    assert any("torchrl/objectives" in step.line for step in path.steps)
    assert "freeze critic (requires_grad_(False))" in path.stop  # a detach would starve the actor


@pytest.mark.parametrize("kind", LOSSES)
def test_an_attached_critic_in_one_backward_pass_names_the_term(
    kind: Any, batch: TensorDict
) -> None:
    loop = build_loop(kind)
    summed = summed_contract(loop.loss, loop.optimizers)
    with attached_critic(loop):
        report = audit(summed, lambda: summed_update(loop.loss, loop.optimizers, batch))
    assert findings_in(report) == {("update", "critic", "leaked", "moved")}
    assert finding_in(report, "update", "critic", "moved").loss == "loss_actor"


@pytest.mark.parametrize("kind", LOSSES)
def test_a_target_that_is_the_online_critic(kind: Any, batch: TensorDict) -> None:
    loop = build_loop(kind)
    with critic_as_target(loop):
        report = audit_loop(loop, batch)
    violations = findings_in(report)
    for module in ("critic", "critic_target"):
        assert ("setup", module, "leaked", "aliasing") in violations
    assert ("critic_update", "critic_target", "leaked", "moved") in violations


@pytest.mark.parametrize("kind", [TD3Loss, SACLoss])
def test_an_optimizer_over_the_network_that_was_passed_in(kind: Any, batch: TensorDict) -> None:
    """TD3Loss and SACLoss train two new critics; the one passed in is only a template."""
    loop = build_loop(kind)
    with optimizer_over(loop, list(loop.critic.parameters())):
        audit_loop(loop, batch).assert_kept()
    with optimizer_over(loop, loop.value_network.parameters()):
        report = audit_loop(loop, batch)
    assert findings_in(report) == {("critic_update", "critic", "starved", "membership")}
    assert (
        "no optimizer holds it"
        in finding_in(report, "critic_update", "critic", "membership").message
    )


def test_an_optimizer_of_the_critic_before_it_was_copied(batch: TensorDict) -> None:
    loop = build_loop()
    with optimizer_over(loop, list(deepcopy(loop.critic).parameters())):
        report = audit_loop(loop, batch)
    assert findings_in(report) == {("critic_update", "critic", "starved", "membership")}
    assert "stale" in finding_in(report, "critic_update", "critic", "membership").message


def test_a_freeze_over_an_exhausted_iterator(batch: TensorDict) -> None:
    """The actor loss uses the critic's own parameters, so it needs the freeze."""
    loop = build_loop()

    def frozen_update(parameters: Any) -> None:
        with frozen(parameters):
            updates(loop.loss, loop.optimizers, loop.updater, batch)["actor_update"]()

    def audit_with(parameters: Any) -> Report:
        with optimizer_over(loop, parameters), attached_critic(loop):
            actor_update = partial(frozen_update, parameters)
            return audit_loop(loop, batch, replaced={"actor_update": actor_update})

    audit_with(list(loop.critic.parameters())).assert_kept()
    report = audit_with(chain(loop.critic.parameters()))
    assert findings_in(report) == {("actor_update", "critic", "leaked", "written")}


@pytest.mark.parametrize("kind", LOSSES)
def test_targets_that_are_never_synced(kind: Any, batch: TensorDict) -> None:
    loop = build_loop(kind)
    report = audit_loop(loop, batch, replaced={"sync": lambda: None})
    targets = [name for name in modules(loop.loss) if name.endswith("_target")]
    assert findings_in(report) == {("sync", name, "starved", "moved") for name in targets}


def test_polyak_in_the_wrong_direction(batch: TensorDict) -> None:
    loop = build_loop()

    def backwards() -> None:
        online, target = loop.loss.value_network_params, loop.loss.target_value_network_params
        online.data.lerp_(target.data, 0.1)

    report = audit_loop(loop, batch, replaced={"sync": backwards})
    assert findings_in(report) == {
        ("sync", "critic", "moved_by_other", "moved"),
        ("sync", "critic_target", "starved", "moved"),
        ("sync", "actor_target", "starved", "moved"),
    }
    message = finding_in(report, "sync", "critic", "moved").message
    assert "Polyak from critic_target (tau 0.1)" in message


@pytest.mark.parametrize("storage", [ListStorage, LazyTensorStorage])
def test_actions_stored_with_their_graph(storage: Any, batch: TensorDict) -> None:
    loop = build_loop()

    def audit_with(mode: Any) -> Report:
        replay = ReplayBuffer(storage=storage(max_size=100))
        replay.extend(batch.select("observation"))
        if storage is LazyTensorStorage:
            replay = ReplayBuffer(storage=storage(max_size=100))
            replay.extend(batch.select("observation", "action"))
        with_replay = contract(loop.loss, loop.optimizers, replay)

        def act() -> None:
            with mode():
                replay.extend(loop.loss.actor_network(batch.select("observation")))

        return audit_loop(loop, batch, with_replay, replaced={"acting": act})

    audit_with(torch.no_grad).assert_kept()
    report = audit_with(nullcontext)
    assert findings_in(report) == {("acting", "replay", "leaked", "stored")}
    assert "still carries the graph" in finding_in(report, "acting", "replay", "stored").message


def test_a_training_batch_made_in_inference_mode(batch: TensorDict) -> None:
    """The actor's first layer cannot save it; the critic concatenates it into a new tensor."""
    loop = build_loop()
    with torch.inference_mode():
        inference_batch = batch.clone()

    def train(name: str, data: TensorDict) -> None:
        loss, _ = loop.loss.loss_actor(data) if name == "actor" else loop.loss.loss_value(data)
        loop.optimizers[name].zero_grad()
        loss.backward()
        loop.optimizers[name].step()

    def audit_with(name: str, data: TensorDict) -> Report:
        return audit_loop(loop, batch, replaced={f"{name}_update": lambda: train(name, data)})

    audit_with("actor", batch.clone()).assert_kept()
    audit_with("critic", inference_batch).assert_kept()
    report = audit_with("actor", inference_batch)
    assert ("actor_update", "actor", "leaked", "stored") in findings_in(report)
    assert "nference tensor" in finding_in(report, "actor_update", "actor", "stored").message


@pytest.mark.parametrize("kind", LOSSES)
def test_a_contract_with_through_hides_what_the_ready_one_reports(
    kind: Any, batch: TensorDict
) -> None:
    loop = build_loop(kind)
    ready = contract(loop.loss, loop.optimizers)
    with_through = replace(
        ready, updates={**ready.updates, "actor_update": trains("actor", through="critic")}
    )
    with attached_critic(loop):
        report = audit_loop(loop, batch, with_through)
    report.assert_kept()
    assert (
        "unchanged only because no optimizer that stepped holds it"
        in report["actor_update", "critic"].reason
    )
