"""Tests of compiled updates: every stop in the graph, bit-identical results, errors."""

import os
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch._inductor import codecache
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from ddpg.agent import Values
from ddpg.config.settings import Config
from ddpg.errors import CompileError, ConfigError
from ddpg.fast.compiled import CompiledUpdate
from ddpg.fast.graph_cache import cache_folder
from ddpg.random_streams import Stream
from ddpg.replay import Batch, ReplayBuffer
from ddpg.stops import STOPS, Crossing, Effect, StopWarning, stop_names
from ddpg.training import separation
from tests.parts import (
    ACTION_DIM,
    OBSERVATION_DIM,
    gradient_kind,
    make_agent,
    random_batch,
    same_bits,
    snapshot,
)

pytestmark = [
    pytest.mark.slow,
    # The compiler still uses what newer PyTorch deprecates.
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
]

UPSTREAM = stop_names(Crossing.UPSTREAM, Effect.PROTECTS)
DOWNSTREAM = stop_names(Crossing.DOWNSTREAM, Effect.PROTECTS)
# Each stop once per crossing where it protects, since a compilation takes seconds.
CORRECT = [
    (UPSTREAM[index], DOWNSTREAM[index % len(DOWNSTREAM)]) for index in range(len(UPSTREAM))
] + [("detach+inputs", "freeze+optimizer+manual")]
LEAKING = [("none", "none"), ("eval", "eval")]
STARVING = [("no_grad", stop) for stop in stop_names(Crossing.DOWNSTREAM, Effect.STARVES)]
UPDATES = 5


class Outcome(NamedTuple):
    """An agent after some updates."""

    weights: dict[str, dict[str, torch.Tensor]]
    gradients: dict[str, str]
    """Module -> `none`, `zero` or `nonzero`."""
    values: list[torch.Tensor]
    """Values of the last update."""


class Learner:
    """An agent with its update, which is compiled if the settings say so."""

    def __init__(self, **settings: Any):
        self.agent = make_agent(**settings)
        compiled = self.agent.config.compile
        self._update = CompiledUpdate(self.agent) if compiled else self.agent.update

    def update(self, batch: Batch) -> Values:
        return Values(*self._update(batch))


def small(**settings: Any) -> Learner:
    """Return a learner that compiles quickly."""
    return Learner(**{"members": 2, "hidden": (8,), **settings})


def learn(learner: Learner, first: int = 0, last: int = UPDATES) -> Outcome:
    """Update on the batches from `first` up to `last`."""
    return learn_from(learner, (random_batch(2, seed) for seed in range(first, last)))


def learn_from(learner: Learner, batches: Iterable[Batch]) -> Outcome:
    values = [learner.update(batch) for batch in batches]
    modules = learner.agent.modules
    return Outcome(
        {name: snapshot(module) for name, module in modules.items()},
        {name: gradient_kind(module.parameters()) for name, module in modules.items()},
        [value.clone() for value in values[-1]],
    )


@cache
def outcome(stop: str, actor_stop: str, compile: bool) -> Outcome:  # noqa: A002 (the setting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)
        return learn(small(stop=stop, actor_stop=actor_stop, compile=compile))


def assert_same(left: Outcome, right: Outcome) -> None:
    for name, weights in left.weights.items():
        assert same_bits(weights, right.weights[name]), name
    for ours, theirs in zip(left.values, right.values, strict=True):
        assert torch.equal(ours, theirs)


def test_every_stop_is_tested_at_every_crossing_where_it_is_legal():
    for crossing, position in ((Crossing.UPSTREAM, 0), (Crossing.DOWNSTREAM, 1)):
        tested = {pair[position] for pair in CORRECT + LEAKING + STARVING}
        runs = {
            name
            for name, stop in STOPS.items()
            if stop.effect[crossing] not in (Effect.ILLEGAL, Effect.IMPOSSIBLE)
        }
        assert runs <= tested


@pytest.mark.parametrize("stops", CORRECT, ids=" / ".join)
def test_correct_stops_are_bit_identical(stops):
    assert_same(outcome(*stops, compile=True), outcome(*CORRECT[0], compile=True))


class Size(NamedTuple):
    members: int
    hidden: tuple[int, ...]
    batch: int


@cache
def outcome_of_training(stops: tuple[str, str], size: Size) -> Outcome:
    """Return a compiled agent after some batches from a replay.

    Shapes and strides determine what the compiler fuses, and so the order of its sums.
    """
    dims = (OBSERVATION_DIM, ACTION_DIM)
    stream = Stream([np.random.default_rng(member) for member in range(size.members)])
    replay = ReplayBuffer(stream, 500, *dims, torch.device("cpu"))
    replay.rows.copy_(torch.cat(random_batch(size.members, 0, batch=500), dim=-1))
    replay.added = 500
    learner = Learner(
        members=size.members,
        hidden=size.hidden,
        stop=stops[0],
        actor_stop=stops[1],
        compile=True,
    )
    return learn_from(learner, (replay.sample(size.batch) for _ in range(UPDATES)))


@pytest.mark.parametrize("size", [Size(8, (64, 64), 64), Size(3, (4, 4), 100)], ids=str)
@pytest.mark.parametrize("stops", CORRECT[1:], ids=" / ".join)
def test_correct_stops_are_bit_identical_in_training(stops, size):
    assert_same(outcome_of_training(stops, size), outcome_of_training(CORRECT[0], size))


@pytest.mark.parametrize("stops", CORRECT + LEAKING + STARVING, ids=" / ".join)
def test_compiled_update_equals_the_eager_one_up_to_rounding(stops):
    compiled, eager = outcome(*stops, compile=True), outcome(*stops, compile=False)
    assert compiled.gradients == eager.gradients
    start = small()
    for name, weights in eager.weights.items():
        for key, value in weights.items():
            assert (compiled.weights[name][key] - value).abs().max() < 1e-6, (name, key)
        moved = not same_bits(weights, snapshot(start.agent.modules[name]))
        assert moved == (not same_bits(compiled.weights[name], snapshot(start.agent.modules[name])))
    for value, expected in zip(compiled.values, eager.values, strict=True):
        assert torch.allclose(value, expected, atol=1e-6)


@pytest.mark.parametrize("stops", LEAKING, ids=" / ".join)
def test_controls_leak(stops):
    leaking, correct = outcome(*stops, compile=True), outcome(*CORRECT[0], compile=True)
    assert_same(leaking, outcome(*LEAKING[0], compile=True))
    for module in leaking.weights:
        assert not same_bits(leaking.weights[module], correct.weights[module])
    assert leaking.gradients["critic_target"] == "nonzero"


@pytest.mark.parametrize(
    "settings",
    [
        {"critic_weight_decay": 0.01, "critic_learning_rate": 0.01},
        {"hidden": (24, 20), "action_layer": 1},
    ],
    ids=["weight decay", "wider than a written-out product"],
)
def test_compiled_update_with_other_settings_equals_the_eager_one(settings):
    compiled, eager = learn(small(**settings, compile=True)), learn(small(**settings))
    for name, weights in eager.weights.items():
        for key, value in weights.items():
            assert (compiled.weights[name][key] - value).abs().max() < 2e-6, (name, key)


def test_audits_do_not_change_weights():
    audited = small(stop="manual", actor_stop="freeze+optimizer", compile=True)
    for seed in range(UPDATES):
        measured = separation.measure(audited.agent, random_batch(2, seed))
        assert measured.summary == "separation kept"
        assert (measured.values["critic_update/critic/grade"] == 3).all()
        assert (measured.values["actor_update/actor/grade"] == 3).all()
        audited.update(random_batch(2, seed))
    plain = learn(small(stop="manual", actor_stop="freeze+optimizer", compile=True))
    final = {name: snapshot(module) for name, module in audited.agent.modules.items()}
    for name, weights in plain.weights.items():
        assert same_bits(weights, final[name]), name


def test_loaded_state_continues_bit_identically_and_in_the_same_period():
    settings = {"stop": "manual", "manual_every": 3, "compile": True}
    whole = learn(small(**settings), last=8)
    first, second = small(**settings), small(**settings)
    learn(first, last=4)
    second.agent.load_state_dict(first.agent.state_dict())
    assert_same(learn(second, 4, 8), whole)
    # Load into an agent that has its graphs already.
    second.agent.load_state_dict(small(**settings).agent.state_dict())
    assert_same(learn(second, last=8), whole)
    # Load into an eager agent, and back.
    eager = small(**{**settings, "compile": False})
    learn(eager, last=4)
    second.agent.load_state_dict(eager.agent.state_dict())
    for name, weights in learn(second, 4, 8).weights.items():
        for key, value in weights.items():
            assert (whole.weights[name][key] - value).abs().max() < 1e-6, (name, key)
    # Every third update lets the gradient through, which moves the targets.
    assert not same_bits(
        whole.weights["critic_target"],
        learn(small(stop="no_grad"), last=8).weights["critic_target"],
    )


def test_batch_of_another_shape_is_an_error():
    learner = small(compile=True)
    learn(learner, last=1)
    with pytest.raises(
        CompileError, match=r"\[2, 9, 3\].*allowed: the layout of the first.*\[2, 8, 3\]"
    ):
        learner.update(random_batch(2, 0, batch=9))


def test_batch_of_other_strides_is_an_error():
    learner, batch = small(compile=True), random_batch(2, 0)
    learner.update(batch)
    wider = torch.cat([batch.observation, batch.observation], dim=-1)[..., :3]
    assert torch.equal(wider, batch.observation)
    with pytest.raises(CompileError, match=r"strides \[48, 6, 1\].*allowed: .*\[24, 3, 1\]"):
        learner.update(batch._replace(observation=wider))


def test_an_old_torch_is_one_sentence_that_names_the_version(monkeypatch):
    monkeypatch.delattr("torch.compiler.skip_all_guards_unsafe")
    monkeypatch.setattr("torch._dynamo.config", SimpleNamespace())
    with pytest.raises(ConfigError) as caught:
        CompiledUpdate(make_agent())
    assert str(caught.value) == (
        f"compile: True is not allowed, since PyTorch {torch.__version__} has no "
        "torch.compiler.skip_all_guards_unsafe and no torch._dynamo.config.trace_autograd_ops; "
        "allowed: false, or true with PyTorch 2.13 or newer"
    )


def test_failing_compiler_is_an_error(tmp_path):
    compiler = tmp_path / "broken-compiler"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] && echo g++ 13.2.0\n')
    compiler.chmod(0o755)
    code = (
        "from ddpg.fast.compiled import CompiledUpdate\n"
        "from ddpg.fast.graph_cache import cache_folder\n"
        "from tests.parts import make_agent, random_batch\n"
        "CompiledUpdate(make_agent(hidden=(8,)))(random_batch(1, 0))"
    )
    environment = {
        **os.environ,
        **{"CXX": str(compiler), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")},
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert "CompileError: cannot compile the update: " in done.stderr


def test_missing_compiler_is_an_error():
    code = (
        "from ddpg.fast.compiled import CompiledUpdate; from tests.parts import make_agent; "
        "CompiledUpdate(make_agent())"
    )
    environment = {**os.environ, "CXX": "no-such-compiler"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ConfigError: compile: True is not allowed, since PyTorch finds no C" in done.stderr


def test_optimizer_that_cannot_be_compiled_is_an_error():
    with pytest.raises(
        ConfigError, match="compile: True is not allowed with optimizer 'sgd'; allowed: "
    ):
        Config(compile=True, optimizer="sgd")


def test_stop_that_cannot_train_is_a_warning():
    with pytest.warns(StopWarning, match="cannot train"):
        small(actor_stop="detach", compile=True)


@pytest.mark.parametrize("is_set_by_torch", [False, True])
def test_compiled_graphs_are_in_a_folder_of_the_user_alone(tmp_path, monkeypatch, is_set_by_torch):
    # Set first, so that the value of the call is removed after the test.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", default_cache_dir())
    if not is_set_by_torch:
        monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("_HEADER_DIR", "_HEADER_LOCK_DIR"):
        monkeypatch.setattr(codecache, name, getattr(codecache, name))
    before = os.umask(0)
    try:
        folder = cache_folder()
    finally:
        os.umask(before)
    assert folder == tmp_path / "torch" / "inductor"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(folder)
    # The precompiled headers too, which the compiler includes.
    for place in (codecache._HEADER_DIR, codecache._HEADER_LOCK_DIR):
        assert Path(place).is_relative_to(folder)


def test_a_cache_folder_that_cannot_be_created_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "torch").write_text("")
    # Set first, so that the value of the call is removed after the test.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(CompileError, match=r"cannot write .*inductor: Not a directory; the"):
        cache_folder()
