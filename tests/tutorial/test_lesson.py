"""The lesson's tables agree with the updates and with the audit."""

import pytest
import torch

from ddpg.isolation import Grade
from ddpg.isolation.observe.saved_tensors import SavedTensors
from ddpg.isolation.render.matrix import grade_in_words
from ddpg.stops import Crossing, Effect, stop_names
from ddpg.tutorial.agent_update import BOOTSTRAP_ACTORS
from ddpg.tutorial.gradient_edits import compare_with_sgd, limit_norm, zero_every_other_step
from ddpg.tutorial.inference_uses import inference_uses
from ddpg.tutorial.layers_update import gradient_kind, gradient_text, run_layers_update
from ddpg.tutorial.lesson.actor_update import networks_table
from ddpg.tutorial.lesson.critic_update import bootstraps_table
from ddpg.tutorial.lesson.layer_stops import (
    audited_table,
    gradient_table,
    graph_summary,
    side_by_side_table,
)
from ddpg.tutorial.lesson.stop_details import by_hand_table
from ddpg.tutorial.two_layers import TwoLayers

PROTECTING = stop_names(Crossing.UPSTREAM, Effect.PROTECTS)
LEAKING = stop_names(Crossing.UPSTREAM, Effect.LEAKS)
# L1's `.grad` at the step, if it is not None.
L1_GRADIENTS = {"optimizer": "value", "manual": "zero"}


@pytest.mark.parametrize("name", PROTECTING)
def test_a_protecting_stop_trains_l2_and_leaves_l1(name):
    update, control = run_layers_update(name), run_layers_update("none")
    assert not update.moved("L1")
    assert update.moved("L2")
    assert update.gradient_kind("L1") == L1_GRADIENTS.get(name, "None")
    for key in ("L2.weight", "L2.bias"):
        gradient, expected = (each.parameters[key].gradient for each in (update, control))
        assert gradient is not None
        assert expected is not None
        assert torch.equal(gradient, expected)


@pytest.mark.parametrize("name", LEAKING)
def test_a_leaking_stop_moves_both(name):
    update = run_layers_update(name)
    assert update.moved("L1")
    assert update.moved("L2")
    assert update.cells["L1.weight"].verdict == "leaked"


@pytest.mark.parametrize("name", [*PROTECTING, *LEAKING])
def test_the_tables_and_the_audit_agree(name):
    update = run_layers_update(name)
    for key, parameter in update.parameters.items():
        cell = update.cells[key]
        assert parameter.grade == grade_in_words(cell)
        assert parameter.in_graph is cell.reached
        written = {"none": "None", "zero": "zero", "nonzero": "value"}[cell.written]
        assert gradient_kind(parameter.gradient) == written
        assert parameter.movement == pytest.approx(cell.movement)
        assert bool(parameter.movement) is (cell.grade is Grade.MOVED)


def test_a_table_shows_none_zero_and_values():
    updates = {name: run_layers_update(name) for name in ("detach", "manual", "none")}
    shown = {name: gradient_table(update).rows[0][2] for name, update in updates.items()}
    assert shown["detach"] == "None"
    assert shown["manual"] == "zero"
    weight = updates["none"].parameters["L1.weight"]
    assert weight.gradient is not None
    assert shown["none"] == gradient_text(weight)
    assert f"{float(weight.gradient[0, 0]):.2f}" in shown["none"]


def test_size_of_the_graph_and_saved_tensors():
    none, detach, no_grad = (run_layers_update(name) for name in ("none", "detach", "no_grad"))
    assert "5 operations and 4 of 4 parameters" in graph_summary(none)
    assert "3 operations and 2 of 4 parameters" in graph_summary(no_grad)
    assert detach.saved.tensors == no_grad.saved.tensors + 1
    assert detach.held == no_grad.held


def test_saved_tensors_are_counted_and_freed():
    layers = TwoLayers("none")
    with SavedTensors() as saved:
        loss = layers.loss()
    assert saved.held == saved.made
    assert saved.made.tensors == 5
    loss.backward()
    assert saved.held == (0, 0)


def test_a_clone_fixes_the_failure():
    uses = {use.code: use for use in inference_uses()}
    assert uses["L2(hidden)"].error == "Inference tensors cannot be saved for backward"
    assert uses["L2(hidden.clone())"].trains
    assert uses["torch.cat([hidden, L2(x)], dim=1)"].trains
    assert uses["(L2(x) - target) ** 2"].trains
    assert not uses["L2(hidden) inside the mode"].tracked


def test_every_other_step():
    steps = zero_every_other_step(4)
    assert [step.movement > 0 for step in steps] == [False, True, False, True]
    assert [step.after > 0 for step in steps] == [False, True, False, True]
    assert all(step.before > 0 for step in steps)


def test_scaled_under_a_condition():
    steps = limit_norm(0.3, steps=6)
    assert {step.before > 0.3 for step in steps} == {True, False}
    for step in steps:
        assert step.after == pytest.approx(min(step.before, 0.3))
        assert step.movement == pytest.approx(0.1 * step.after, rel=1e-4)


def test_sgd_by_hand():
    sgd = compare_with_sgd()
    assert sgd.add_differs == 0
    assert sgd.subtraction_differs > 0
    assert [row[1] for row in by_hand_table().rows] == ["0", f"{sgd.subtraction_differs:,}"]


def test_the_audits_verdict_is_beside_each_parameter():
    assert [row[-1] for row in audited_table(run_layers_update("none")).rows] == [
        "leaked",
        "leaked",
        "kept",
        "kept",
    ]


def test_the_grades_of_the_stops_side_by_side():
    grades = {row[0].strip("`"): (row[1], row[3]) for row in side_by_side_table().rows}
    assert {trained for _, trained in grades.values()} == {"moved"}
    assert {name: protected for name, (protected, _) in grades.items()} == {
        "none": "moved",
        "eval": "moved",
        "optimizer": "gradient",
        "manual": "zero gradient",
        "inputs": "reached",
        **dict.fromkeys(("detach", "no_grad", "inference", "freeze", "substitute"), "not touched"),
    }


def test_both_bootstrap_actors_are_side_by_side():
    table = bootstraps_table("none")
    assert table.columns[1:] == tuple(f"`bootstrap_actor: {each}`" for each in BOOTSTRAP_ACTORS)
    cells = {row[0].strip("`"): row[1:] for row in table.rows}
    target, live = cells["actor"]
    assert target == "kept: not touched"
    assert live.startswith("leaked: moved by")
    assert cells["actor_target"][0].startswith("leaked: moved by")
    assert cells["actor_target"][1] == "kept: not touched"
    assert all(each.startswith("kept: moved by") for each in cells["critic"])
    assert all(each.startswith("leaked: moved by") for each in cells["critic_target"])


@pytest.mark.parametrize("name", PROTECTING)
def test_a_protecting_stop_protects_both_bootstrap_actors(name):
    for network, *cells in bootstraps_table(name).rows:
        moves = network == "`critic`"
        assert all(cell.startswith("kept: moved" if moves else "kept: ") for cell in cells)
        assert moves or not any("moved" in cell for cell in cells)


def test_the_actor_update_under_a_cut_starves_the_actor():
    cells = {row[0]: row[1] for row in networks_table("detach").rows}
    assert cells["`actor`"] == "starved: not touched"
    assert cells["`critic`"].startswith("leaked: moved by")
    assert networks_table("freeze").rows[0][1].startswith("kept: moved by")
