"""The audit on Stable-Baselines3: facts about its models, and leaks planted in them.

Each leak is planted in a model that keeps its contract without the leak.
"""

from contextlib import nullcontext
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.logger import configure
from stable_baselines3.common.utils import polyak_update
from torch.optim import Adam, AdamW

from ddpg.isolation import Contract, ContractBrokenError, Grade, Report, audit, trains
from ddpg.isolation.contracts.stable_baselines3 import contract, updates
from tests.peers.findings import finding_in, findings_in, replace_parts
from tests.peers.plants_stable_baselines3 import (
    ALGORITHMS,
    NORMED,
    SHARED,
    Model,
    build_model,
    critic_as_target,
    critic_that_trains_the_extractor,
    frozen_critic,
    optimizer_over_everything,
    replaced_critic,
    replaced_polyak,
    target_without_no_grad,
)


def audit_model(model: Model, changed: Contract | None = None) -> Report:
    return audit(changed or contract(model), updates(model, batch_size=32))


# Facts about the library.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("policy", [{}, SHARED], ids=["own extractors", "shared extractor"])
def test_the_library_keeps_its_contract(algorithm: Any, policy: dict[str, Any]) -> None:
    report = audit_model(build_model(algorithm, policy))
    report.assert_kept()
    trained_by = {"train/critic": ["critic"], "train/actor": ["actor"]}
    if policy:
        trained_by["train/actor"].append("features")
    if algorithm is SAC:
        trained_by["train/entropy"] = ["entropy"]
    for update, modules in trained_by.items():
        for module in modules:
            cell = report[update, module]
            assert (cell.grade, cell.movers) == (Grade.MOVED, (f"{update[6:]}: gradient",))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_the_optimizers_protect_the_critic_from_the_actor_s_gradient(
    algorithm: Any,
) -> None:
    cell = audit_model(build_model(algorithm))["train/actor", "critic"]
    assert (cell.verdict, cell.grade, cell.written) == ("kept", Grade.NONZERO, "nonzero")
    assert cell.gradient_norm is not None
    assert cell.gradient_norm > 0
    assert cell.movement == 0
    assert "no optimizer that stepped holds it" in cell.reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_contract_without_through_is_broken(algorithm: Any) -> None:
    model = build_model(algorithm)
    report = audit_model(model, replace_parts(contract(model), "train", actor=trains("actor")))
    assert findings_in(report) == {("train/actor", "critic", "leaked", "written")}


def test_the_shared_extractor_of_td3_follows_twice_as_fast() -> None:
    """Both `polyak_update` calls cover it, as a comment in the library says."""
    report = audit_model(build_model(TD3, SHARED))
    assert report["train/rest", "features_target"].movers == ("Polyak from features (tau 0.01)",)
    report = audit_model(build_model(SAC, SHARED))
    assert report["train/rest", "features_target"].movers == ("Polyak from features (tau 0.005)",)


def test_the_actor_s_update_moves_the_critic_s_batch_statistics() -> None:
    """`train` puts the critic in train mode, and the actor's loss runs a forward pass of it."""
    report = audit_model(build_model(DDPG, NORMED))
    assert findings_in(report) == {("train/actor", "critic", "moved_by_other", "modes")}
    finding = finding_in(report, "train/actor", "critic", "modes")
    assert "features_extractor.net.1.running_mean" in finding.tensors


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_audit_leaves_no_trace(algorithm: Any) -> None:
    """An audited model continues training exactly like one that was not audited."""
    with_audit, without_audit = build_model(algorithm), build_model(algorithm)
    counter = with_audit._n_updates
    torch.manual_seed(1)
    with_audit.set_random_seed(1)
    audit_model(with_audit)
    assert with_audit._n_updates == counter
    with_audit.train(gradient_steps=2, batch_size=32)
    torch.manual_seed(1)
    without_audit.set_random_seed(1)
    without_audit.train(gradient_steps=2, batch_size=32)
    for name, value in without_audit.policy.state_dict().items():
        assert torch.equal(value, with_audit.policy.state_dict()[name]), name


@pytest.mark.parametrize(
    ("algorithm", "options"),
    [
        (TD3, {"policy_delay": 3}),
        (TD3, {"n_steps": 3}),
        (TD3, {"policy": {"n_critics": 3}}),
        (SAC, {"use_sde": True}),
        (SAC, {"ent_coef": 0.1}),
        (SAC, {"target_update_interval": 4}),
        (SAC, {"policy": {"optimizer_class": AdamW, "optimizer_kwargs": {"weight_decay": 0.1}}}),
        # Flattening has no parameters to share.
        (SAC, {"policy": {"share_features_extractor": True}}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "+".join(value),
)
def test_the_contract_fits_the_library_s_options(algorithm: Any, options: dict[str, Any]) -> None:
    audit_model(build_model(algorithm, **options)).assert_kept()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_loaded_model(algorithm: Any, tmp_path: Path) -> None:
    model = build_model(algorithm)
    model.save(tmp_path / "model.zip")
    loaded = algorithm.load(tmp_path / "model.zip", env=model.get_env(), device="cpu")
    with pytest.raises(ValueError, match="the model has no logger"):
        audit_model(loaded)
    loaded.set_logger(model.logger)
    loaded.replay_buffer = model.replay_buffer
    audit_model(loaded).assert_kept()


def test_an_untrained_model_is_refused_in_one_sentence() -> None:
    model = DDPG("MlpPolicy", "Pendulum-v1", buffer_size=10, device="cpu")
    model.set_logger(configure(None, []))
    with pytest.raises(ValueError, match="replay_buffer is empty"):
        updates(model)


# Leaks planted from outside.


def test_an_optimizer_rebuilt_over_everything() -> None:
    model = build_model()
    audit_model(model).assert_kept()
    with optimizer_over_everything(model):
        report = audit_model(model)
    assert findings_in(report) == {
        ("train/actor", "critic", "leaked", "membership"),
        ("train/actor", "critic", "leaked", "moved"),
    }
    finding = finding_in(report, "train/actor", "critic", "moved")
    assert finding.grade == Grade.MOVED
    assert "a step of the optimizer 'actor' applied it" in finding.message
    assert finding.path is not None
    # A line of the library that calls the module, where a stop can stand.
    assert "self.critic.q1_forward(" in finding.path.entry
    assert any("self.q_networks[0](" in step.line for step in finding.path.steps)
    assert "leave critic's parameters out of the optimizer" in finding.path.stop
    with pytest.raises(ContractBrokenError, match="train/actor"):
        report.assert_kept()


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, {"actor_target", "critic_target"}),
        (TD3, {"actor_target", "critic_target"}),
        (SAC, {"actor", "critic_target"}),  # its next action comes from the online actor
    ],
)
def test_a_target_without_no_grad(algorithm: Any, reached: set[str]) -> None:
    model = build_model(algorithm)
    audit_model(model).assert_kept()
    with target_without_no_grad():
        report = audit_model(model)
    assert findings_in(report) == {("train/critic", name, "leaked", "written") for name in reached}
    path = finding_in(report, "train/critic", "critic_target", "written").path
    assert path is not None
    assert "self.critic_target(" in path.entry
    assert "torch.no_grad()" in path.stop


def test_a_target_without_no_grad_under_an_optimizer_that_holds_it() -> None:
    model = build_model(TD3)
    with target_without_no_grad():
        model.critic.optimizer = Adam(
            [*model.critic.parameters(), *model.critic_target.parameters()], lr=1e-3
        )
        report = audit_model(model)
    violations = findings_in(report)
    assert ("train/critic", "critic_target", "leaked", "moved") in violations
    assert ("train/critic", "critic_target", "leaked", "membership") in violations
    assert {module for _, module, _, _ in violations} == {"critic_target", "actor_target"}
    assert finding_in(report, "train/critic", "critic_target", "membership").grade == Grade.MOVED


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_that_is_the_online_critic(algorithm: Any) -> None:
    model = build_model(algorithm)
    audit_model(model).assert_kept()
    with critic_as_target(model):
        report = audit_model(model)
    violations = findings_in(report)
    for module in ("critic", "critic_target"):
        assert ("setup", module, "leaked", "aliasing") in violations
        assert "share storage" in finding_in(report, "setup", module, "aliasing").message
    assert ("train/critic", "critic_target", "leaked", "moved") in violations
    assert {module for _, module, _, _ in violations} == {"critic", "critic_target"}


def test_a_freeze_over_an_exhausted_iterator() -> None:
    model = build_model()
    frozen = replace_parts(contract(model), "train", actor=trains("actor", frozen="critic"))
    with frozen_critic(model, list(model.critic.parameters())):
        audit_model(model, frozen).assert_kept()
    with frozen_critic(model, chain(model.critic.parameters())):
        report = audit_model(model, frozen)
    assert findings_in(report) == {
        ("train/actor", "critic", "leaked", "written"),
        ("train/actor", "critic", "leaked", "modes"),
    }
    finding = finding_in(report, "train/actor", "critic", "modes")
    assert "6 of 6 parameters" in finding.message  # the iterator was empty


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stale_optimizer_of_a_replaced_critic(algorithm: Any) -> None:
    model = build_model(algorithm)
    with replaced_critic(model, new_optimizer=True):
        audit_model(model).assert_kept()
    with replaced_critic(model, new_optimizer=False):
        report = audit_model(model)
    assert findings_in(report) == {("train/critic", "critic", "starved", "membership")}
    assert "stale" in finding_in(report, "train/critic", "critic", "membership").message


def test_polyak_in_the_wrong_direction() -> None:
    model, update = build_model(), polyak_update
    with replaced_polyak(update):
        audit_model(model).assert_kept()
    with replaced_polyak(lambda online, target, tau: update(target, online, tau)):
        report = audit_model(model)
    assert findings_in(report) == {
        ("train/rest", "actor", "moved_by_other", "moved"),
        ("train/rest", "critic", "moved_by_other", "moved"),
        ("train/rest", "actor_target", "starved", "moved"),
        ("train/rest", "critic_target", "starved", "moved"),
    }
    finding = finding_in(report, "train/rest", "critic", "moved")
    assert "Polyak from critic_target (tau 0.005)" in finding.message


def test_targets_that_are_never_synced() -> None:
    model = build_model()
    with replaced_polyak(lambda *_: None):
        report = audit_model(model)
    assert findings_in(report) == {
        ("train/rest", "actor_target", "starved", "moved"),
        ("train/rest", "critic_target", "starved", "moved"),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_critic_loss_that_trains_the_shared_extractor(algorithm: Any) -> None:
    """SAC's critic optimizer does not hold the extractor: written. TD3's does: moved."""
    model = build_model(algorithm, SHARED)
    audit_model(model).assert_kept()
    with critic_that_trains_the_extractor(model, in_optimizer=False):
        report = audit_model(model)
    kind = "written" if algorithm is SAC else "moved"
    assert findings_in(report) == {("train/critic", "features", "leaked", kind)}
    with critic_that_trains_the_extractor(model, in_optimizer=True):
        report = audit_model(model)
    assert ("train/critic", "features", "leaked", "moved") in findings_in(report)


def test_a_step_of_the_extractor_between_the_actor_s_forward_and_backward_pass() -> None:
    """SAC runs the actor's forward pass before the critic's step and its backward pass after it.

    PyTorch raises if the critic's optimizer steps the shared extractor in between.
    """
    model = build_model(SAC, SHARED)
    with critic_that_trains_the_extractor(model, in_optimizer=True):
        report = audit_model(model)
    assert findings_in(report) == {
        ("train/critic", "features", "leaked", "membership"),
        ("train/critic", "features", "leaked", "moved"),
        ("train/actor", "features", "moved_by_other", "order"),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_in_train_mode(algorithm: Any) -> None:
    """`model.critic_target.train()` is enough: the library sets only the online networks' mode."""
    model = build_model(algorithm)
    model.critic_target.set_training_mode(True)
    report = audit_model(model)
    assert findings_in(report) == {("train/critic", "critic_target", "leaked", "modes")}
    assert (
        "ran in train mode" in finding_in(report, "train/critic", "critic_target", "modes").message
    )


def test_acting_in_train_mode_moves_the_batch_statistics() -> None:
    model = build_model(DDPG, NORMED)
    observations = torch.as_tensor(np.stack([model.observation_space.sample() for _ in range(4)]))

    def act(training: bool) -> None:
        model.policy.set_training_mode(training)
        with torch.no_grad():
            model.actor(observations)

    acting = contract(model)
    audit(acting, {"acting": lambda: act(training=False)}).assert_kept()
    report = audit(acting, {"acting": lambda: act(training=True)})
    assert findings_in(report) == {("acting", "actor", "moved_by_other", "modes")}


def test_actions_kept_with_their_graph() -> None:
    model, actions = build_model(), []
    observations = torch.as_tensor(np.stack([model.observation_space.sample() for _ in range(4)]))
    acting = replace(contract(model), keeps={"actions": actions})

    def act(no_grad: bool) -> None:
        with torch.no_grad() if no_grad else nullcontext():
            actions.append(model.actor(observations))

    audit(acting, {"acting": lambda: act(no_grad=True)}).assert_kept()
    actions.clear()
    report = audit(acting, {"acting": lambda: act(no_grad=False)})
    assert findings_in(report) == {("acting", "actions", "leaked", "stored")}
