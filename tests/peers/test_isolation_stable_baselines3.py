"""The audit on Stable-Baselines3: what its models truly do, and leaks planted in them from outside.

Each leak is planted in a model that comes out clean without it.
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
from tests.peers.findings import faults, the, with_parts
from tests.peers.plants_stable_baselines3 import (
    ALGORITHMS,
    NORMED,
    SHARED,
    Model,
    critic_replaced,
    critic_trains_the_shared_extractor,
    freezing,
    optimizer_over_everything,
    polyak,
    target_that_is_the_critic,
    target_without_no_grad,
    trained,
)


def audited(model: Model, terms: Contract | None = None) -> Report:
    return audit(terms or contract(model), updates(model, batch_size=32))


# What is true of the library.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("policy", [{}, SHARED], ids=["own extractors", "shared extractor"])
def test_the_library_keeps_its_contract(algorithm: Any, policy: dict[str, Any]) -> None:
    report = audited(trained(algorithm, policy))
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
def test_only_membership_keeps_the_critic_from_the_actor_s_gradient(
    algorithm: Any,
) -> None:
    cell = audited(trained(algorithm))["train/actor", "critic"]
    assert (cell.verdict, cell.grade, cell.written) == ("kept", Grade.NONZERO, "nonzero")
    assert cell.gradient_norm is not None
    assert cell.gradient_norm > 0
    assert cell.movement == 0
    assert "by optimizer membership alone" in cell.reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_contract_that_wants_a_stop_there_is_broken(algorithm: Any) -> None:
    model = trained(algorithm)
    report = audited(model, with_parts(contract(model), "train", actor=trains("actor")))
    assert faults(report) == {("train/actor", "critic", "leaked", "written")}


def test_the_shared_extractor_of_td3_follows_twice_as_fast() -> None:
    """Both `polyak_update` calls run over it; its source says so in a comment."""
    report = audited(trained(TD3, SHARED))
    assert report["train/rest", "features_target"].movers == ("Polyak from features (tau 0.01)",)
    report = audited(trained(SAC, SHARED))
    assert report["train/rest", "features_target"].movers == ("Polyak from features (tau 0.005)",)


def test_the_actor_s_update_moves_the_critic_s_batch_statistics() -> None:
    """`train` puts the critic in train mode, and the actor's loss runs forward through it."""
    report = audited(trained(DDPG, NORMED))
    assert faults(report) == {("train/actor", "critic", "moved_by_other", "modes")}
    finding = the(report, "train/actor", "critic", "modes")
    assert "features_extractor.net.1.running_mean" in finding.tensors


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_audit_leaves_no_trace(algorithm: Any) -> None:
    """An audited model goes on training exactly as one that never was."""
    audited_one, other = trained(algorithm), trained(algorithm)
    counter = audited_one._n_updates
    torch.manual_seed(1)
    audited_one.set_random_seed(1)
    audited(audited_one)
    assert audited_one._n_updates == counter
    audited_one.train(gradient_steps=2, batch_size=32)
    torch.manual_seed(1)
    other.set_random_seed(1)
    other.train(gradient_steps=2, batch_size=32)
    for name, value in other.policy.state_dict().items():
        assert torch.equal(value, audited_one.policy.state_dict()[name]), name


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
        # Asked for, but flattening has no parameters that could be shared.
        (SAC, {"policy": {"share_features_extractor": True}}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "+".join(value),
)
def test_the_contract_fits_the_library_s_options(algorithm: Any, options: dict[str, Any]) -> None:
    audited(trained(algorithm, **options)).assert_kept()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_loaded_model(algorithm: Any, tmp_path: Path) -> None:
    model = trained(algorithm)
    model.save(tmp_path / "model.zip")
    loaded = algorithm.load(tmp_path / "model.zip", env=model.get_env(), device="cpu")
    with pytest.raises(ValueError, match="the model has no logger"):
        audited(loaded)
    loaded.set_logger(model.logger)
    loaded.replay_buffer = model.replay_buffer
    audited(loaded).assert_kept()


def test_an_untrained_model_is_refused_in_one_sentence() -> None:
    model = DDPG("MlpPolicy", "Pendulum-v1", buffer_size=10, device="cpu")
    model.set_logger(configure(None, []))
    with pytest.raises(ValueError, match="replay_buffer is empty"):
        updates(model)


# Leaks planted from outside.


def test_an_optimizer_rebuilt_over_everything() -> None:
    model = trained()
    audited(model).assert_kept()
    with optimizer_over_everything(model):
        report = audited(model)
    assert faults(report) == {
        ("train/actor", "critic", "leaked", "membership"),
        ("train/actor", "critic", "leaked", "moved"),
    }
    finding = the(report, "train/actor", "critic", "moved")
    assert finding.grade == Grade.MOVED
    assert "a step of the optimizer 'actor' applied it" in finding.message
    assert finding.path is not None
    assert "self.q_networks[0](" in finding.path.entry  # the library's own lines
    assert any("self.critic.q1_forward(" in step.line for step in finding.path.steps)
    assert "leave critic's parameters out of the optimizer" in finding.path.stop
    with pytest.raises(ContractBrokenError, match="train/actor"):
        report.assert_kept()


@pytest.mark.parametrize(
    ("algorithm", "reached"),
    [
        (DDPG, {"actor_target", "critic_target"}),
        (TD3, {"actor_target", "critic_target"}),
        (SAC, {"actor", "critic_target"}),  # its next action comes from the live actor
    ],
)
def test_a_target_without_no_grad(algorithm: Any, reached: set[str]) -> None:
    model = trained(algorithm)
    audited(model).assert_kept()
    with target_without_no_grad():
        report = audited(model)
    assert faults(report) == {("train/critic", name, "leaked", "written") for name in reached}
    path = the(report, "train/critic", "critic_target", "written").path
    assert path is not None
    assert "self.critic_target(" in path.entry
    assert "torch.no_grad()" in path.stop


def test_a_target_without_no_grad_under_an_optimizer_that_holds_it() -> None:
    model = trained(TD3)
    with target_without_no_grad():
        model.critic.optimizer = Adam(
            [*model.critic.parameters(), *model.critic_target.parameters()], lr=1e-3
        )
        report = audited(model)
    found = faults(report)
    assert ("train/critic", "critic_target", "leaked", "moved") in found
    assert ("train/critic", "critic_target", "leaked", "membership") in found
    assert {module for _, module, _, _ in found} == {"critic_target", "actor_target"}
    assert the(report, "train/critic", "critic_target", "membership").grade == Grade.MOVED


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_that_is_the_online_critic(algorithm: Any) -> None:
    model = trained(algorithm)
    audited(model).assert_kept()
    with target_that_is_the_critic(model):
        report = audited(model)
    found = faults(report)
    for module in ("critic", "critic_target"):
        assert ("setup", module, "leaked", "aliasing") in found
        assert "share storage" in the(report, "setup", module, "aliasing").message
    assert ("train/critic", "critic_target", "leaked", "moved") in found
    assert {module for _, module, _, _ in found} == {"critic", "critic_target"}


def test_a_freeze_over_an_exhausted_iterator() -> None:
    model = trained()
    frozen = with_parts(contract(model), "train", actor=trains("actor", frozen="critic"))
    with freezing(model, list(model.critic.parameters())):
        audited(model, frozen).assert_kept()
    with freezing(model, chain(model.critic.parameters())):
        report = audited(model, frozen)
    assert faults(report) == {
        ("train/actor", "critic", "leaked", "written"),
        ("train/actor", "critic", "leaked", "modes"),
    }
    finding = the(report, "train/actor", "critic", "modes")
    assert "6 of 6 parameters" in finding.message  # it froze none


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_optimizer_of_the_critic_before_it_was_replaced(algorithm: Any) -> None:
    model = trained(algorithm)
    with critic_replaced(model, with_optimizer=True):
        audited(model).assert_kept()
    with critic_replaced(model, with_optimizer=False):
        report = audited(model)
    assert faults(report) == {("train/critic", "critic", "starved", "membership")}
    assert "stale" in the(report, "train/critic", "critic", "membership").message


def test_polyak_in_the_wrong_direction() -> None:
    model, update = trained(), polyak_update
    with polyak(update):
        audited(model).assert_kept()
    with polyak(lambda online, target, tau: update(target, online, tau)):
        report = audited(model)
    assert faults(report) == {
        ("train/rest", "actor", "moved_by_other", "moved"),
        ("train/rest", "critic", "moved_by_other", "moved"),
        ("train/rest", "actor_target", "starved", "moved"),
        ("train/rest", "critic_target", "starved", "moved"),
    }
    finding = the(report, "train/rest", "critic", "moved")
    assert "Polyak from critic_target (tau 0.005)" in finding.message


def test_targets_that_are_never_synced() -> None:
    model = trained()
    with polyak(lambda *_: None):
        report = audited(model)
    assert faults(report) == {
        ("train/rest", "actor_target", "starved", "moved"),
        ("train/rest", "critic_target", "starved", "moved"),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_critic_loss_that_trains_the_shared_extractor(algorithm: Any) -> None:
    """SAC's critic optimizer leaves the extractor out: written. TD3's holds it: moved."""
    model = trained(algorithm, SHARED)
    audited(model).assert_kept()
    with critic_trains_the_shared_extractor(model, optimizer=False):
        report = audited(model)
    kind = "written" if algorithm is SAC else "moved"
    assert faults(report) == {("train/critic", "features", "leaked", kind)}
    with critic_trains_the_shared_extractor(model, optimizer=True):
        report = audited(model)
    assert ("train/critic", "features", "leaked", "moved") in faults(report)


def test_the_step_between_forward_and_backward_that_sac_warns_of() -> None:
    """SAC runs the actor before the critic's step, and goes backward through it after.

    A critic optimizer that steps the shared extractor in between makes PyTorch raise.
    """
    model = trained(SAC, SHARED)
    with critic_trains_the_shared_extractor(model, optimizer=True):
        report = audited(model)
    assert faults(report) == {
        ("train/critic", "features", "leaked", "membership"),
        ("train/critic", "features", "leaked", "moved"),
        ("train/actor", "features", "moved_by_other", "order"),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_target_in_train_mode(algorithm: Any) -> None:
    """As after `model.critic_target.train()`; the library sets the online networks' mode alone."""
    model = trained(algorithm)
    model.critic_target.set_training_mode(True)
    report = audited(model)
    assert faults(report) == {("train/critic", "critic_target", "leaked", "modes")}
    assert "ran in train mode" in the(report, "train/critic", "critic_target", "modes").message


def test_acting_in_train_mode_moves_the_batch_statistics() -> None:
    model = trained(DDPG, NORMED)
    observations = torch.as_tensor(np.stack([model.observation_space.sample() for _ in range(4)]))

    def act(training: bool) -> None:
        model.policy.set_training_mode(training)
        with torch.no_grad():
            model.actor(observations)

    acting = contract(model)
    audit(acting, {"acting": lambda: act(training=False)}).assert_kept()
    report = audit(acting, {"acting": lambda: act(training=True)})
    assert faults(report) == {("acting", "actor", "moved_by_other", "modes")}


def test_actions_kept_with_their_graph() -> None:
    model, kept = trained(), []
    observations = torch.as_tensor(np.stack([model.observation_space.sample() for _ in range(4)]))
    acting = replace(contract(model), keeps={"actions": kept})

    def act(without_graph: bool) -> None:
        with torch.no_grad() if without_graph else nullcontext():
            kept.append(model.actor(observations))

    audit(acting, {"acting": lambda: act(without_graph=True)}).assert_kept()
    kept.clear()
    report = audit(acting, {"acting": lambda: act(without_graph=False)})
    assert faults(report) == {("acting", "actions", "leaked", "stored")}
