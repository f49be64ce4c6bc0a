"""Tests of each stop at the smallest crossing: two layers, one trained and one protected."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ddpg.stops import (
    STOPS,
    Crossing,
    Effect,
    Stop,
    StopError,
    StopWarning,
    build,
    check,
    stop_names,
)
from ddpg.stops.composition import Composition
from tests.parts import gradient_kind

UPSTREAM, DOWNSTREAM = Crossing.UPSTREAM, Crossing.DOWNSTREAM


class Layers:
    """`inputs -> first -> second -> loss`, with one of the two layers protected."""

    def __init__(self, expression: str, crossing: Crossing, **manual):
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.inputs = torch.randn(5, 3)
        protected, trained = (
            (self.first, self.second) if crossing is UPSTREAM else (self.second, self.first)
        )
        self.protected, self.trained = protected, trained
        self.crossing = crossing
        self.stop = build(expression, crossing, {"trained": trained}, {"L": protected}, **manual)

    def loss(self) -> Tensor:
        if self.crossing is UPSTREAM:
            hidden = self.stop.through(self.first, self.inputs)
            return self.second(hidden).square().mean()
        return self.stop.through(self.second, self.first(self.inputs)).square().mean()

    def update(self, optimizer_class: Callable = torch.optim.SGD, **settings) -> None:
        optimizer = optimizer_class(self.stop.parameters(), **{"lr": 0.1, **settings})
        self.stop.clear_gradients()
        self.stop.backward(self.loss())
        self.stop.edit_gradients()
        optimizer.step()


def weights(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def equal(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


PAIRS = [
    (name, crossing) for crossing in Crossing for name in stop_names(crossing, Effect.PROTECTS)
]


@pytest.mark.parametrize(("name", "crossing"), PAIRS)
def test_correct_stop_protects_and_trains_as_the_control_does(name, crossing):
    layers, control = Layers(name, crossing), Layers("none", crossing)
    protected, trained = weights(layers.protected), weights(layers.trained)
    layers.update()
    control.update()
    assert equal(weights(layers.protected), protected)
    assert not equal(weights(layers.trained), trained)
    # After one step from equal weights, the gradients must be bit-identical to the control's.
    assert equal(weights(layers.trained), weights(control.trained))
    assert not equal(weights(control.protected), protected)


@pytest.mark.parametrize("crossing", list(Crossing))
@pytest.mark.parametrize("name", list(STOPS))
def test_every_stop_computes_the_same_values(name, crossing):
    if STOPS[name].effect[crossing] in (Effect.ILLEGAL, Effect.IMPOSSIBLE):
        with pytest.raises(StopError):
            Layers(name, crossing)
    elif STOPS[name].effect[crossing] is Effect.STARVES:
        with pytest.warns(StopWarning):
            layers = Layers(name, crossing)
        assert torch.equal(layers.loss(), Layers("none", crossing).loss())
    else:
        assert torch.equal(Layers(name, crossing).loss(), Layers("none", crossing).loss())


def test_detach_shares_storage_and_inference_gives_a_normal_tensor():
    value = torch.ones(3, requires_grad=True)
    module = nn.Identity()
    detached = build("detach", UPSTREAM, {}, {"L": module}).through(module, value)
    assert detached.data_ptr() == value.data_ptr()
    assert not detached.requires_grad
    inferred = build("inference", UPSTREAM, {}, {"L": module}).through(module, value)
    assert not inferred.is_inference()
    assert inferred.data_ptr() != value.data_ptr()


@pytest.mark.parametrize("name", ["freeze", "eval", "substitute", "freeze+optimizer"])
def test_flags_and_modes_are_restored_after_an_exception(name):
    layers = Layers(name, DOWNSTREAM)
    layers.second.bias.requires_grad_(False)
    layers.second.training = False
    layers.second.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(KeyError("inside")))
    original = layers.second.weight
    with pytest.raises(KeyError, match="inside"):
        layers.loss()
    assert layers.second.weight is original
    assert layers.second.weight.requires_grad
    assert not layers.second.bias.requires_grad
    assert not layers.second.training


def test_eval_switches_the_mode_and_restores_each_flag():
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    module[1].eval()
    modes = []
    module[0].register_forward_pre_hook(lambda m, _: modes.append(m.training))
    build("eval", UPSTREAM, {}, {"L": module}).through(module, torch.ones(2, 3))
    assert modes == [False]
    assert [m.training for m in module.modules()] == [True, True, False]


def test_freeze_computes_no_gradient_for_frozen_parameters_and_lets_it_flow_through():
    layers = Layers("freeze", DOWNSTREAM)
    layers.update()
    assert gradient_kind(layers.second.parameters()) == "none"
    assert gradient_kind(layers.first.parameters()) == "nonzero"


def test_freezing_nothing_is_an_error():
    layers = Layers("freeze", DOWNSTREAM)
    layers.second.requires_grad_(False)
    with pytest.raises(StopError, match=r"cannot freeze \['L'\]: no parameter requires grad"):
        layers.loss()


class TestManual:
    def test_scales_and_never_leaves_none(self):
        control, scaled = Layers("none", UPSTREAM), Layers("manual", UPSTREAM, manual_scale=0.5)
        control.update()
        scaled.update()
        for half, whole in zip(scaled.first.parameters(), control.first.parameters(), strict=True):
            assert half.grad is not None
            assert whole.grad is not None
            assert torch.equal(half.grad, 0.5 * whole.grad)
        stopped = Layers("manual", UPSTREAM)
        stopped.update()
        assert gradient_kind(stopped.first.parameters()) == "zero"

    def test_scale_one_is_the_control(self):
        control, whole = Layers("none", UPSTREAM), Layers("manual", UPSTREAM, manual_scale=1.0)
        control.update()
        whole.update()
        assert equal(weights(whole.first), weights(control.first))

    def test_every_third_update_is_not_scaled(self):
        layers = Layers("manual", UPSTREAM, manual_every=3)
        kinds = []
        for _ in range(6):
            layers.update()
            kinds.append(gradient_kind(layers.first.parameters()))
        assert kinds == ["zero", "zero", "nonzero", "zero", "zero", "nonzero"]

    def test_counter_survives_a_checkpoint(self):
        layers, resumed = (Layers("manual", UPSTREAM, manual_every=3) for _ in range(2))
        layers.update()
        layers.update()
        resumed.stop.load_state_dict(layers.stop.state_dict())
        resumed.update()
        assert gradient_kind(resumed.first.parameters()) == "nonzero"

    def test_scale_per_module(self):
        first, second, head = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)
        stop = build(
            "manual",
            UPSTREAM,
            {"head": head},
            {"first": first, "second": second},
            manual_scale={"first": 0.0, "second": 1.0},
        )
        values = stop.through(lambda x: second(first(x)), torch.ones(3, 2))
        stop.backward(head(values).mean())
        stop.edit_gradients()
        assert gradient_kind(first.parameters()) == "zero"
        assert gradient_kind(second.parameters()) == "nonzero"

    def test_period_per_module(self):
        first, second, head = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)
        protected = {"first": first, "second": second}
        every = {"first": 2, "second": 3}
        stop = build("manual", UPSTREAM, {"head": head}, protected, manual_every=every)
        unscaled = []
        for _ in range(6):
            stop.clear_gradients()
            values = stop.through(lambda x: second(first(x)), torch.ones(3, 2))
            stop.backward(head(values).mean())
            stop.edit_gradients()
            kinds = {name: gradient_kind(module.parameters()) for name, module in protected.items()}
            assert set(kinds.values()) <= {"zero", "nonzero"}
            unscaled.append([name for name, kind in kinds.items() if kind == "nonzero"])
            assert gradient_kind(head.parameters()) == "nonzero"
        assert unscaled == [[], ["first"], ["second"], ["first"], [], ["first", "second"]]

    def test_weight_decay_moves_a_parameter_whose_gradient_is_zero(self):
        layers, cut = Layers("manual", UPSTREAM), Layers("detach", UPSTREAM)
        before = weights(layers.first)
        layers.update(weight_decay=0.1)
        cut.update(weight_decay=0.1)
        assert not equal(weights(layers.first), before)
        assert equal(weights(cut.first), before)

    def test_infinite_gradient_is_stopped(self):
        layers = Layers("manual", UPSTREAM)
        layers.stop.backward(layers.loss())
        assert layers.first.bias.grad is not None
        layers.first.bias.grad.fill_(float("inf"))
        layers.stop.edit_gradients()
        assert gradient_kind(layers.first.parameters()) == "zero"

    def test_wrong_settings(self):
        with pytest.raises(StopError, match=r"manual_scale: {'M': 1.0} is not allowed; .*\['L'\]"):
            Layers("manual", UPSTREAM, manual_scale={"M": 1.0})
        with pytest.raises(StopError, match="manual_every: 0 is not allowed; allowed: 1 or more"):
            Layers("manual", UPSTREAM, manual_every=0)
        with pytest.raises(StopError, match=r"manual_every: {'M': 2} is not allowed; .*\['L'\]"):
            Layers("manual", UPSTREAM, manual_every={"M": 2})


class TestChainRule:
    def test_needs_an_input_that_requires_grad(self):
        layers = Layers("chain_rule", DOWNSTREAM)
        with pytest.raises(StopError, match="'chain_rule': no input requires grad"):
            layers.stop.through(layers.second, torch.ones(1, 4))

    def test_backward_without_through(self):
        layers = Layers("chain_rule", DOWNSTREAM)
        with pytest.raises(StopError, match="`through` must be called first"):
            layers.stop.backward(layers.first(layers.inputs).sum())

    def test_graph_is_freed(self):
        layers = Layers("chain_rule", DOWNSTREAM)
        layers.update()
        assert vars(layers.stop)["_crossing"] == []


class TestComposition:
    def test_leftmost_stop_is_outermost_and_edits_first(self):
        order = []

        class Recording(Stop):
            def __init__(self, label: str):
                super().__init__({}, {})
                self.label = label

            def through(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
                order.append(f"into {self.label}")
                output = function(*inputs)
                order.append(f"out of {self.label}")
                return output

            def edit_gradients(self) -> None:
                order.append(f"{self.label} edits")

        stop = Composition([Recording("left"), Recording("right")])
        stop.through(torch.exp, torch.ones(1))
        stop.edit_gradients()
        assert order == [
            *("into left", "into right", "out of right", "out of left"),
            *("left edits", "right edits"),
        ]

    def test_optimizer_holds_the_intersection(self):
        layers = Layers("no_grad+optimizer", UPSTREAM)
        assert {id(p) for p in layers.stop.parameters()} == {
            id(p) for p in layers.second.parameters()
        }
        held = Layers("no_grad+freeze", UPSTREAM).stop.parameters()
        assert len(held) == 4

    def test_gradients_are_edited_and_states_saved_in_a_composition(self):
        layers = Layers("manual+optimizer", UPSTREAM)
        layers.update()
        assert gradient_kind(layers.first.parameters()) == "zero"
        assert layers.stop.state_dict() == {"manual.updates": 1}
        layers.stop.load_state_dict({"manual.updates": 7})
        assert layers.stop.state_dict() == {"manual.updates": 7}

    def test_stop_that_owns_backward_runs_it(self):
        layers = Layers("freeze+inputs", DOWNSTREAM)
        layers.update()
        assert gradient_kind(layers.second.parameters()) == "none"
        assert gradient_kind(layers.first.parameters()) == "nonzero"

    def test_parameters_are_frozen_around_the_graph_of_a_composition(self):
        layers = Layers("optimizer+freeze", DOWNSTREAM)
        trained, protected = list(layers.first.parameters()), list(layers.second.parameters())
        with layers.stop.around_graph():
            assert not any(p.requires_grad for p in protected)
            assert all(p.requires_grad for p in trained)
            layers.update()
            assert not any(p.requires_grad for p in protected)
        assert all(p.requires_grad for p in protected)
        assert gradient_kind(protected) == "none"
        assert gradient_kind(trained) == "nonzero"

    def test_only_freeze_acts_around_the_graph(self):
        assert [n for n, cls in STOPS.items() if cls.around_graph is not Stop.around_graph] == [
            "freeze"
        ]


@pytest.mark.parametrize(
    ("expression", "crossing", "sentence"),
    [
        ("detatch", UPSTREAM, "did you mean 'detach'"),
        ("", UPSTREAM, "stop: '' is not allowed"),
        ("detach+", UPSTREAM, "stop: '' is not allowed"),
        ("detach+detach", UPSTREAM, "names a stop twice"),
        ("none+detach", UPSTREAM, "'none' alone"),
        ("inputs+chain_rule", DOWNSTREAM, "two stops run the backward pass"),
        ("detach+chain_rule", DOWNSTREAM, "cuts the path that 'chain_rule' needs"),
        ("chain_rule", UPSTREAM, "not allowed upstream"),
        ("no_grad", DOWNSTREAM, "nothing to differentiate"),
        ("inference+optimizer", DOWNSTREAM, "nothing to differentiate"),
        ("detach+freeze", DOWNSTREAM, "nothing to differentiate"),
        ("substitute+detach", DOWNSTREAM, "nothing to differentiate"),
    ],
)
def test_illegal_expression_is_an_error(expression, crossing, sentence):
    with pytest.raises(StopError, match=sentence):
        check(expression, crossing)


def test_loss_without_a_graph_is_an_error():
    stop = Stop({"L2": nn.Linear(1, 1)}, {})
    with pytest.raises(StopError, match="nothing to differentiate"):
        stop.backward(torch.tensor(1.0))


def test_gradients_of_another_update_are_cleared():
    layers = Layers("optimizer", UPSTREAM)
    layers.first.weight.grad = torch.full_like(layers.first.weight, 1e6)
    layers.update()
    assert layers.first.weight.grad is not None
    assert layers.first.weight.grad.abs().max() < 1e3


def test_state_of_another_stop_is_an_error():
    with pytest.raises(StopError, match="cannot load the state of stop 'detach'"):
        Layers("detach", UPSTREAM).stop.load_state_dict({"updates": 1})
    with pytest.raises(StopError, match="cannot load the state of the stops"):
        Layers("manual+optimizer", UPSTREAM).stop.load_state_dict({})
