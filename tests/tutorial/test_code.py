"""The code that the lesson shows runs as shown, and does what the stops of `ddpg` do."""

import pytest
import torch

from ddpg.stops import Crossing, Effect, stop_names
from ddpg.tutorial.blocks import Code
from ddpg.tutorial.gradient_edits import limit_norm, zero_every_other_step
from ddpg.tutorial.layers_update import observe_layers, run_layers_update
from ddpg.tutorial.lesson import critic_update, own_code, stop_details
from ddpg.tutorial.lesson.contents import lesson_sections
from ddpg.tutorial.lesson.execution import Namespace
from ddpg.tutorial.lesson.stop_texts import STOP_TEXTS
from ddpg.tutorial.two_layers import TwoLayers, named_parameters

# Chapters 6 and 7 measure claims and have no code.
CHAPTERS = range(1, 6)


def run(source: str) -> Namespace:
    """The names that the code leaves, after the set-up."""
    names = Namespace()
    names.run(source)
    return names


def test_the_code_has_every_stop_of_the_crossing():
    assert set(STOP_TEXTS) == set(stop_names(Crossing.UPSTREAM, Effect.LEAKS, Effect.PROTECTS))


def test_the_layers_are_those_of_the_tables():
    names = run("L1, L2, x, y = two_layers()").names
    layers = TwoLayers("none")
    for name, parameter in named_parameters(names["L1"], names["L2"]).items():
        assert torch.equal(parameter, layers.parameters()[name])
    assert torch.equal(names["x"], layers.x)
    assert torch.equal(names["y"], layers.y)


@pytest.mark.parametrize("stop", STOP_TEXTS)
def test_the_code_of_a_stop_does_what_the_stop_does(stop):
    names = run(STOP_TEXTS[stop].code).names
    loss, expected = names["loss"], run_layers_update(stop)
    assert torch.equal(loss, TwoLayers(stop).loss())
    assert float(loss.detach()) > 0.1
    update = observe_layers(loss, names["L1"], names["L2"])
    for name, parameter in update.parameters.items():
        other = expected.parameters[name]
        assert (parameter.in_graph, parameter.movement) == (other.in_graph, other.movement)
        assert (parameter.gradient is None) is (other.gradient is None)
        if parameter.gradient is not None and other.gradient is not None:
            assert torch.equal(parameter.gradient, other.gradient)
    assert update.graph.edges == expected.graph.edges


def test_the_code_changes_no_random_state():
    before = torch.random.get_rng_state()
    run(STOP_TEXTS["none"].code)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_code_of_inference():
    code = Namespace().run(stop_details.INFERENCE)
    assert "Inference tensors cannot be saved for backward" in code.output
    names = run(stop_details.INFERENCE).names
    assert names["L2"].weight.grad.count_nonzero() > 0
    assert names["L1"].weight.grad is None


def test_the_code_of_gradients_edited_by_hand():
    layers = run(stop_details.EVERY_OTHER_STEP).names
    reference = TwoLayers("manual", manual_scale=0.0, manual_every=2)
    for _ in range(4):
        reference.update()
    assert torch.equal(layers["L1"].weight, reference.l1.weight)
    assert [step.movement > 0 for step in zero_every_other_step()] == [False, True, False, True]

    names = run(stop_details.LIMIT).names
    gradients = [parameter.grad.flatten() for parameter in names["L1"].parameters()]
    (step,) = limit_norm(stop_details.NORM_LIMIT, steps=1)
    assert float(torch.cat(gradients).norm()) == pytest.approx(step.after)
    assert float(names["norm"]) == pytest.approx(step.before)

    names = run(stop_details.BY_HAND).names
    reference = TwoLayers("optimizer")
    reference.update()
    assert torch.equal(names["L2"].weight, reference.l2.weight)
    assert torch.equal(names["L1"].weight, reference.l1.weight)


def test_the_critics_loss_reaches_the_actor_that_the_bootstrap_names():
    names = Namespace()
    names.run(critic_update.AGENT)
    target, live = names.run(critic_update.UPDATE).output.splitlines()
    assert target == "['critic', 'actor_target', 'critic_target']"
    assert live == "['actor', 'critic', 'critic_target']"


def test_the_code_of_the_audit():
    names = Namespace()
    broken = names.run(own_code.LEAKY).output
    assert "update × L1: leaked (moved, grade 3 moved)" in broken
    assert "at: cell:8: loss = mse_loss(L2(L1(x)), y)" in broken
    assert "The contract is kept" in names.run(own_code.FIXED).output


def test_every_code_of_the_lesson_was_executed(monkeypatch):
    executed: list[str] = []
    original = Namespace.run

    def record(self: Namespace, source: str) -> Code:
        executed.append(source)
        return original(self, source)

    monkeypatch.setattr(Namespace, "run", record)
    blocks = [block for section in lesson_sections(CHAPTERS) for block in section.blocks]
    shown = {block.source for block in blocks if isinstance(block, Code)}
    assert len(shown) > 15
    assert shown <= set(executed)
