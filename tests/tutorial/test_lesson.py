"""What the lesson's tables say, against the updates themselves."""

import pytest
import torch

from ddpg.isolation import Grade
from ddpg.isolation.observe.saved_tensors import SavedTensors
from ddpg.stops import Crossing, Effect, legal
from ddpg.tutorial import by_hand, layers_seen
from ddpg.tutorial.inference_uses import uses
from ddpg.tutorial.layers import Layers
from ddpg.tutorial.layers_seen import gradient_text, see
from ddpg.tutorial.lesson_layers import gradient_table, held_words

PROTECTING = legal(Crossing.UPSTREAM, Effect.PROTECTS)
LEAKING = legal(Crossing.UPSTREAM, Effect.LEAKS)
# What is left in L1's `.grad` when the step comes.
GRADIENTS = {"optimizer": "value", "manual": "zero"}


@pytest.mark.parametrize("name", PROTECTING)
def test_a_protecting_stop_trains_l2_and_leaves_l1(name):
    seen, control = see(name), see("none")
    assert not seen.moved("L1")
    assert seen.moved("L2")
    assert seen.kind("L1") == GRADIENTS.get(name, "None")
    for key in ("L2.weight", "L2.bias"):
        mine, theirs = seen.touches[key].gradient, control.touches[key].gradient
        assert mine is not None
        assert theirs is not None
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", LEAKING)
def test_a_leaking_stop_moves_both(name):
    seen = see(name)
    assert seen.moved("L1")
    assert seen.moved("L2")
    assert seen.touches["L1.weight"].cell.verdict == "leaked"


@pytest.mark.parametrize("name", [*PROTECTING, *LEAKING])
def test_the_tables_and_the_audit_agree(name):
    for touch in see(name).touches.values():
        assert touch.in_graph is touch.cell.reached
        said = {"none": "None", "zero": "zero", "nonzero": "value"}[touch.cell.written]
        assert layers_seen.kind(touch.gradient) == said
        assert touch.moved == pytest.approx(touch.cell.movement)
        assert bool(touch.moved) is (touch.cell.grade is Grade.MOVED)


def test_a_table_shows_none_zero_and_values():
    shown = {name: gradient_table(see(name)).rows[0][2] for name in ("detach", "manual", "none")}
    assert shown["detach"] == "None"
    assert shown["manual"] == "zero"
    gradient = see("none").touches["L1.weight"].gradient
    assert gradient is not None
    assert shown["none"] == gradient_text(see("none").touches["L1.weight"])
    assert f"{float(gradient[0, 0]):.2f}" in shown["none"]


def test_what_the_graph_holds():
    assert "5 operations and 4 of 4 parameters" in held_words(see("none"))
    assert "3 operations and 2 of 4 parameters" in held_words(see("no_grad"))
    assert see("detach").made.tensors == see("no_grad").made.tensors + 1
    assert see("detach").held == see("no_grad").held


def test_saved_tensors_are_counted_and_let_go():
    layers = Layers("none")
    with SavedTensors() as saved:
        loss = layers.loss()
    assert saved.held == saved.made
    assert saved.made.tensors == 5
    loss.backward()
    assert saved.held == (0, 0)


def test_the_clone_mends_what_fails():
    tried = {use.code: use for use in uses()}
    assert tried["L2(hidden)"].error == "Inference tensors cannot be saved for backward"
    assert tried["L2(hidden.clone())"].trains
    assert tried["torch.cat([hidden, L2(x)], dim=1)"].trains
    assert tried["(L2(x) - target) ** 2"].trains
    assert not tried["L2(hidden) inside the mode"].tracked


def test_every_other_step():
    steps = by_hand.every_other_step(4)
    assert [step.moved > 0 for step in steps] == [False, True, False, True]
    assert [step.after > 0 for step in steps] == [False, True, False, True]
    assert all(step.before > 0 for step in steps)


def test_scaled_under_a_condition():
    steps = by_hand.scaled_above(0.3, steps=6)
    assert {step.before > 0.3 for step in steps} == {True, False}
    for step in steps:
        assert step.after == pytest.approx(min(step.before, 0.3))
        assert step.moved == pytest.approx(0.1 * step.after, rel=1e-4)


def test_applied_by_hand():
    applied = by_hand.applied_by_hand()
    assert applied.add_differs == 0
    assert applied.subtraction_differs > 0
