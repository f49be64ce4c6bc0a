"""Tests that our Adam is bit-identical to torch's: steps, state, hooks, copies."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from ddpg.fast.adam import Adam


def pair() -> tuple[list[nn.Parameter], list[nn.Parameter], Adam, torch.optim.Adam]:
    """Return equal parameters twice and their optimizers, ours and torch's; one group decays."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 3, 5), (2, 1, 5), (7,)]
    ours = [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    theirs = deepcopy(ours)

    def groups(parameters: list[nn.Parameter]) -> Any:
        return [{"params": parameters[:2], "weight_decay": 0.1}, {"params": parameters[2:]}]

    return (
        ours,
        theirs,
        Adam(groups(ours), 0.01),
        torch.optim.Adam(groups(theirs), 0.01, fused=True),
    )


def draw_gradients(left: list[nn.Parameter], right: list[nn.Parameter], seed: int) -> None:
    """Set equal random gradients for both, and none for some parameters."""
    generator = torch.Generator().manual_seed(seed)
    for index, (ours, theirs) in enumerate(zip(left, right, strict=True)):
        ours.grad = (
            None if (seed + index) % 4 == 0 else torch.randn(ours.shape, generator=generator)
        )
        theirs.grad = None if ours.grad is None else ours.grad.clone()


def assert_same(left: list[nn.Parameter], right: list[nn.Parameter]) -> None:
    for ours, theirs in zip(left, right, strict=True):
        assert torch.equal(ours.view(torch.int32), theirs.view(torch.int32))


def test_every_step_is_bit_identical_to_torchs():
    left, right, ours, theirs = pair()
    before = [parameter.detach().clone() for parameter in left]
    for seed in range(20):
        draw_gradients(left, right, seed)
        ours.step()
        theirs.step()
        assert_same(left, right)
    for parameter, value in zip(left, before, strict=True):
        assert not torch.equal(parameter, value)


def test_step_in_a_graph_equals_torchs_up_to_rounding(monkeypatch):
    left, right, ours, theirs = pair()
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: True)
    for seed in range(300):
        draw_gradients(left, right, seed)
        ours.step()
        theirs.step()
        for one, other in zip(left, right, strict=True):
            assert torch.allclose(one, other, rtol=1e-5, atol=1e-6), seed
    for one, other in zip(left, right, strict=True):
        assert ours.state[one]["step"] == theirs.state[other]["step"] < 300


def test_states_are_interchangeable_with_torchs():
    left, right, ours, theirs = pair()
    for seed in range(1, 4):
        draw_gradients(left, right, seed)
        theirs.step()
    # An optimizer does not copy the tensors of a state.
    ours.load_state_dict(deepcopy(theirs.state_dict()))
    with torch.no_grad():
        for parameter, value in zip(left, right, strict=True):
            parameter.copy_(value)
    for seed in range(4, 8):
        draw_gradients(left, right, seed)
        ours.step()
        theirs.step()
        assert_same(left, right)
        theirs.load_state_dict(deepcopy(ours.state_dict()))


def test_copy_is_independent():
    left, right, ours, _ = pair()
    draw_gradients(left, right, 1)
    ours.step()
    parameters, copy = deepcopy((left, ours))
    draw_gradients(left, parameters, 2)
    before = [parameter.detach().clone() for parameter in left]
    copy.step()
    for parameter, value in zip(left, before, strict=True):
        assert torch.equal(parameter, value)
    ours.step()
    assert_same(left, parameters)


@pytest.mark.parametrize("where", ["optimizer", "everywhere"])
def test_hooks_are_called_around_the_step(where):
    left, right, ours, theirs = pair()
    draw_gradients(left, right, 1)
    calls = []

    def before(*_: Any) -> None:
        calls.append(("before", left[0].detach().clone()))

    def after(*_: Any) -> None:
        calls.append(("after", left[0].detach().clone()))

    handles = (
        [ours.register_step_pre_hook(before), ours.register_step_post_hook(after)]
        if where == "optimizer"
        else [register_optimizer_step_pre_hook(before), register_optimizer_step_post_hook(after)]
    )
    try:
        start = left[0].detach().clone()
        ours.step()
    finally:
        for handle in handles:
            handle.remove()
    theirs.step()
    assert_same(left, right)
    assert [name for name, _ in calls] == ["before", "after"]
    assert torch.equal(calls[0][1], start)
    assert torch.equal(calls[1][1], left[0])
    draw_gradients(left, right, 2)
    ours.step()
    assert len(calls) == 2


def test_state_that_does_not_fit_its_parameters_is_an_error() -> None:
    """The kernel would write out of bounds."""
    parameters = [torch.nn.Parameter(torch.zeros(size)) for size in (4, 9)]
    optimizer = Adam(parameters, lr=0.1)
    state = optimizer.state_dict()
    state["param_groups"][0]["params"] = [1, 0]
    with pytest.raises(ValueError, match=r"the shapes \[9\] and .*: the parameter's, \[4\]"):
        Adam(parameters, lr=0.1).load_state_dict(state)
