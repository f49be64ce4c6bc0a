"""A checkpoint with valid checksums that no run wrote is refused in one sentence."""

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, RunError
from ddpg.evaluation.audit import contract_and_updates
from ddpg.evaluation.policy import load_actor
from ddpg.runs.folder import RunFolder
from ddpg.training.loop import train
from tests.cli.bad_input.harness import call, contents
from tests.faults.forging import forge, forge_manifest, forge_replay

SMALL: dict[str, Any] = {
    **{"hidden": (8,), "random_steps": 20, "log_every": 15, "evaluation_every": 25, "members": 2},
    **{"checkpoint_every": 30, "evaluation_episodes": 1, "noise": "ornstein_uhlenbeck"},
    **{"stop": "manual", "name": "mine", "steps": 70},
}
ENVIRONMENTS = ["Pendulum-v1", "MountainCarContinuous-v0"]
"""One with its own `state_dict`, and one whose episodes are recorded."""


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = str(tmp_path_factory.mktemp("runs"))
    return train(Config(**SMALL, env=request.param, runs=runs)).folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "mine"))


def at(state: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        state = state[key]
    return state


def replacing(path: tuple[Any, ...], value: Any) -> Callable[[Any], Any]:
    """Return a change that puts `value`, or `value(old)`, at `path`."""

    def change(state: Any) -> Any:
        old = at(state, path)
        at(state, path[:-1])[path[-1]] = value(old) if callable(value) else value
        return state

    return change


def deleting(path: tuple[Any, ...]) -> Callable[[Any], Any]:
    def change(state: Any) -> Any:
        del at(state, path[:-1])[path[-1]]
        return state

    return change


def resumed(run: Path) -> Config:
    stored = Config.load(run / "config.yaml")
    return dataclasses.replace(stored, runs=str(run.parent), resume=True, steps=76)


WEIGHT = ("agent", "actor", "output.weight")
CASES = [
    (deleting(("step",)), "the state has no 'step'; allowed: 'step', "),
    (deleting(("agent",)), "the state has no 'agent'; allowed: "),
    (deleting(("alive",)), "the state has no 'alive'; allowed: "),
    (deleting(WEIGHT), "agent.actor has no 'output.weight'; allowed: 'hidden.0.weight', "),
    (replacing(("agent",), 3), "agent is 3; allowed: a dictionary"),
    (replacing(("step",), -1), "step is -1; allowed: a whole number from 0 to 1,000,000,000,000"),
    (replacing(("step",), True), "step is True; allowed: a whole number from 0 to "),
    (replacing(("alive",), [True]), "alive is a list of 1; allowed: a list of 2"),
    (
        replacing(WEIGHT, lambda old: old[:, :-1]),
        "agent.actor.output.weight is a tensor of torch.float32 of shape [2, 7, 1]; allowed: a "
        "tensor of torch.float32 of shape [2, 8, ",
    ),
    (
        replacing(WEIGHT, lambda old: old.double()),
        "agent.actor.output.weight is a tensor of torch.float64 of shape [2, 8, 1]; allowed: a "
        "tensor of torch.float32 of shape [2, 8, ",
    ),
    (
        replacing(WEIGHT, lambda old: old.fill_(float("nan"))),
        "agent.actor.output.weight has the value nan; allowed: finite numbers",
    ),
    (lambda _: [1, 2], "the state is a list of 2; allowed: a dictionary"),
    (replacing(("alive",), [False, False]), "alive is False for every member; allowed: "),
]


@pytest.mark.parametrize(("change", "sentence"), CASES, ids=[text[:50] for _, text in CASES])
def test_every_command_line_names_the_invalid_part_of_a_state(
    run: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any], sentence: str
) -> None:
    forge(run, change)
    monkeypatch.chdir(run.parent)
    before = contents(run.parent)
    for script, arguments in (
        ("train.py", ["--resume", "--runs", ".", "--name", "mine", "--steps", "76"]),
        ("evaluate.py", ["mine"]),
        ("evaluate.py", ["mine", "--video", "it.gif"]),
        ("audit.py", ["mine"]),
    ):
        if script == "audit.py" and "step" in sentence:
            # The audit does not read the step.
            continue
        outcome = call(script, arguments)
        assert outcome.status == 2, (outcome, script)
        assert len(outcome.errors.splitlines()) == 1
        assert outcome.errors.startswith(f"{script}: error: ")
        assert f"state-000000000070.pt: {sentence}" in outcome.errors
        assert contents(run.parent) == before


RESUME_ONLY = [
    (
        deleting(("agent", "critic_stop", "updates")),
        "agent.critic_stop has no 'updates'; allowed: 'updates'",
    ),
    (
        replacing(("agent", "critic_optimizer", "state", 0, "exp_avg"), "x"),
        "exp_avg is 'x'; allowed",
    ),
    (deleting(("streams", "noise")), "streams has no 'noise'; allowed: "),
    (replacing(("streams", "noise"), ["{}", "{}"]), "allowed: a state that a run wrote"),
    (replacing(("streams", "replay"), ["", "["]), "JSONDecodeError"),
    (
        replacing(("noise", "state"), lambda old: old[:1]),
        "noise.state is a tensor of torch.float64",
    ),
    (deleting(("environments", "observation")), "environments has no 'observation'; allowed: "),
    (
        replacing(("window",), lambda old: old[:, :, :1]),
        "window is a tensor of torch.float32 of sh",
    ),
    (replacing(("returns",), ["high", "low"]), "returns.0 is 'high'; allowed: float"),
    (replacing(("returns",), 3), "returns is 3; allowed: NoneType or list"),
    (
        replacing(("settings", "hidden"), [torch.zeros(2)]),
        "settings.hidden.0 is a tensor of torch.float32 of shape [2]; allowed: None",
    ),
    (replacing(("other",), lambda _: 3), "the state has 'other'; allowed: 'step', "),
]


@pytest.mark.parametrize(
    ("change", "sentence"), RESUME_ONLY, ids=[text[:40] for _, text in RESUME_ONLY]
)
def test_an_invalid_part_that_only_resuming_loads_is_named(
    run: Path, change: Callable[[Any], Any], sentence: str
) -> None:
    def with_other(state: Any) -> Any:
        state.setdefault("other", None) if "'other'" in sentence else None
        return change(state)

    forge(run, with_other)
    before = contents(run)
    with pytest.raises(CheckpointError) as error:
        train(resumed(run))
    assert sentence in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert contents(run) == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda rows: rows[:, :-1],
            "it is not a piece of this run's replay; allowed: a tensor of ",
        ),
        (
            lambda rows: rows.double(),
            "it is not a piece of this run's replay; allowed: a tensor of ",
        ),
        (lambda _: {"rows": 3}, "it is not a piece of this run's replay; allowed: a tensor of "),
        (lambda rows: rows.fill_(float("inf")), "a transition is not finite; allowed"),
    ],
)
def test_an_invalid_piece_of_replay_is_named(
    run: Path, change: Callable[[Any], Any], sentence: str
) -> None:
    forge_replay(run, change)
    assert_refused(run, sentence)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(added=71),
        lambda manifest: manifest.update(added=10**30),
        lambda manifest: manifest.update(pieces=[]),
        lambda manifest: manifest["pieces"].reverse(),
        lambda manifest: manifest["pieces"].pop(0),
        lambda manifest: manifest["pieces"].append([70, 70, "no"]),
    ],
)
def test_pieces_of_replay_with_a_gap_are_refused(
    run: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    forge_manifest(run, change)
    assert_refused(run, "do not follow each other; allowed: all from transition ")


def assert_refused(run: Path, sentence: str) -> None:
    """Resuming and the audit raise `sentence`, and nothing is written."""
    before = contents(run)
    for read in (lambda: train(resumed(run)), lambda: contract_and_updates(run)):
        with pytest.raises(CheckpointError) as error:
            read()
        assert sentence in str(error.value)
    assert contents(run) == before


def paths(state: Any, at_path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every part of a state, outer parts first."""
    if isinstance(state, dict | list):
        for key in state if isinstance(state, dict) else range(len(state)):
            yield (*at_path, key)
            yield from paths(state[key], (*at_path, key))


OTHER = st.sampled_from(
    [None, True, -1, 7, 10**30, 0.5, float("nan"), "", "x", [], {}, [1.0, 2.0], {"a": 1}]
) | st.sampled_from([torch.zeros(()), torch.zeros(2, 3), torch.zeros(2, 3, 8), torch.ones(2) > 0])


def damage(old: Any, data: st.DataObject) -> Any:
    """Return another value, or a tensor with another shape or dtype or with a NaN."""
    if not torch.is_tensor(old) or data.draw(st.booleans()):
        return deepcopy(data.draw(OTHER))
    kinds: list[Callable[[torch.Tensor], Any]] = [
        lambda tensor: tensor[None],
        lambda tensor: tensor.flatten()[:-1],
        lambda tensor: tensor.to(torch.int32),
        lambda tensor: tensor.to(torch.complex64),
        lambda tensor: tensor.to_sparse() if tensor.dim() else tensor,
        lambda tensor: torch.full_like(tensor, float("nan")),
        lambda tensor: torch.full_like(tensor, -float("inf")),
    ]
    floating = old.is_floating_point()
    return data.draw(st.sampled_from(kinds if floating else kinds[:-2]))(old)


@pytest.mark.filterwarnings("ignore::ddpg.errors.RunWarning", "ignore::UserWarning:torch")
@pytest.mark.slow
@hypothesis_settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_any_change_of_a_state_is_one_sentence_or_harmless(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    run = tmp_path_factory.getbasetemp() / "damaged" / "mine"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(whole, run)

    def change(state: Any) -> Any:
        path = data.draw(st.sampled_from(list(paths(state))))
        if data.draw(st.booleans()):
            return deleting(path)(state)
        return replacing(path, damage(at(state, path), data))(state)

    forge(run, change)
    before = contents(run)
    for read in (lambda: load_actor(RunFolder(run), None), lambda: contract_and_updates(run)):
        refused(read)
        assert contents(run) == before
    if refused(lambda: train(resumed(run))):
        assert contents(run) == before


def refused(read: Callable[[], object]) -> bool:
    """Return whether a checkpoint was refused; assert one sentence for any error."""
    try:
        read()
    except (CheckpointError, RunError) as error:
        raised = error
    else:
        return False
    assert len(str(raised).splitlines()) == 1
    return isinstance(raised, CheckpointError)


def test_an_unchanged_checkpoint_is_loaded(run: Path) -> None:
    forge(run, lambda state: state)
    assert set(load_actor(RunFolder(run), None).steps) == {70}
    contract_and_updates(run)
    assert train(resumed(run)).step == 76


def test_a_window_with_more_updates_than_steps_is_refused(run: Path) -> None:
    forge(run, replacing(("step",), 61))
    before = contents(run)
    with pytest.raises(CheckpointError, match=r"10 updates are not allowed; allowed: up to 1$"):
        train(resumed(run))
    assert contents(run) == before
