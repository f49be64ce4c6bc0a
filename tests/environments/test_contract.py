"""The contract of an environment: its results are converted, or refused in one sentence."""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

import ddpg
from ddpg.config.settings import Config
from ddpg.environments.creation import make_environment
from ddpg.environments.process_state import keeps_process_state
from ddpg.environments.vector import Environments
from ddpg.errors import ConfigError, EnvironmentFaultError, RunWarning
from ddpg.evaluation.episodes import Evaluator
from ddpg.replay import Batch
from ddpg.training.loop import Trainer
from tests.environments.results import CONVERTED, LENGTH, REFUSED, STEP, Plain
from tests.parts import same_bits

SETTINGS: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 6, "steps": 12, "replay_capacity": 20},
    **{"log_every": 5, "evaluation_every": 6, "evaluation_episodes": 2, "separation_every": 4},
    **{"checkpoint_every": 6, "tensorboard": False, "name": "mine"},
}


def process_state() -> tuple[Any, ...]:
    """Return the parts of the process's state that environments change."""
    return (
        *(torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()),
        *(torch.is_inference_mode_enabled(), torch.get_num_threads(), np.geterr(), Path.cwd()),
        *(torch.get_deterministic_debug_mode(), signal.getsignal(signal.SIGTERM)),
    )


def train_on(runs: Path, env: Callable[[], Plain], **settings: Any) -> Trainer:
    config = Config(env=env, runs=str(runs), **{**SETTINGS, **settings})
    trainer = Trainer(config, lambda _: None)
    try:
        trainer.run()
    finally:
        trainer.close()
    return trainer


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """Return the training on the plain environment, with which the others agree."""
    return train_on(tmp_path_factory.mktemp("plain"), Plain, members=2)


@pytest.mark.parametrize("name", CONVERTED)
def test_a_result_that_can_be_converted_trains_equally(
    tmp_path: Path, plain: Trainer, name: str
) -> None:
    before = process_state()
    trainer = train_on(tmp_path, partial(Plain, **CONVERTED[name]), members=2)
    assert process_state() == before
    assert torch.equal(trainer.replay.rows, plain.replay.rows)
    for module, expected in plain.agent.modules.items():
        assert same_bits(trainer.agent.modules[module].state_dict(), expected.state_dict())
    assert trainer.state.returns is not None
    assert trainer.state.returns.tolist() == [float(LENGTH)] * 2


def test_the_last_observation_of_an_episode_is_not_the_next_ones_first(plain: Trainer) -> None:
    """The environment that changes its array in place trains equally, so one check is enough."""
    batch = Batch(*plain.replay.rows[0, :LENGTH].split(plain.replay.widths, dim=-1))
    assert batch.next_observation.tolist() == [[0, 1], [0, 2], [0, 3], [0, 4]]


@pytest.mark.parametrize("name", REFUSED)
def test_another_result_is_one_sentence(tmp_path: Path, name: str) -> None:
    methods, sentence = REFUSED[name]
    before = process_state()
    with pytest.raises(EnvironmentFaultError) as error:
        train_on(tmp_path, partial(Plain, **methods), evaluation_every=0)
    assert process_state() == before
    text = str(error.value)
    assert text.startswith(f"the environment of member 0 {sentence}")
    assert f" at environment step {STEP}; the last checkpoint is of step 6 in " in text
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (lambda: 3, "it is a int; allowed: a gymnasium.Env"),
        (lambda: sys.exit(0), "SystemExit: 0"),
        (lambda: gymnasium.Env(), "env: the observation space None is not allowed"),
        (lambda _: None, "TypeError: "),
    ],
)
def test_a_callable_that_returns_no_environment_is_refused(
    environment: Callable[..., Any], sentence: str
) -> None:
    with pytest.raises(ConfigError) as error:
        make_environment(environment, {})
    assert sentence in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("method", "result", "sentence"),
    [
        ("reset", np.zeros(2), "returned from reset array([0., 0.]); allowed: (observation, info)"),
        ("reset", (np.zeros(2),), "returned from reset a tuple of 1; allowed: (observation, info)"),
        ("step", (np.zeros(2), 0.0, True, {}), "returned from step a tuple of 4; allowed: (obs"),
    ],
)
def test_results_of_the_old_api_are_refused(
    monkeypatch: pytest.MonkeyPatch, method: str, result: Any, sentence: str
) -> None:
    environment = make_environment(Plain, {})
    environment.reset(seed=0)
    monkeypatch.setattr(Plain, method, lambda *_, **__: result)
    with pytest.raises(EnvironmentFaultError) as error:
        environment.reset(seed=0) if method == "reset" else environment.step(np.zeros(1))
    assert sentence in str(error.value)


def test_an_error_of_close_and_render_is_one_sentence() -> None:
    def fails(_: Plain) -> None:
        raise RuntimeError("the simulator\nis gone")

    environment = make_environment(partial(Plain, close=fails), {})
    with pytest.warns(RunWarning, match=r"raised RuntimeError: the simulator is gone when it was"):
        environment.close()
    with pytest.raises(EnvironmentFaultError, match="raised NotImplementedError"):
        environment.render()


def test_options_are_copied_and_reach_the_callable() -> None:
    seen: list[Any] = []

    def make(**options: Any) -> Plain:
        seen.append(options)
        options["bounds"].append(3)
        return Plain()

    environments = Environments(make, 2, {"bounds": [1, 2], "none": None})
    environments.reset([0, 1])
    environments.close()
    assert len(seen) == 3
    assert all(each == {"bounds": [1, 2, 3], "none": None} for each in seen)


def test_the_state_of_the_process_is_restored_after_an_error_too() -> None:
    before = process_state()

    @keeps_process_state()
    def fail() -> None:
        os.chdir("/")
        torch.set_default_dtype(torch.float64)
        torch.inference_mode().__enter__()
        torch.set_grad_enabled(False)
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert process_state() == before


class Single(Plain):
    """Simulator of which one instance can exist at a time."""

    instances = 0

    def __init__(self) -> None:
        super().__init__()
        if Single.instances:
            raise OSError("the port is in use")
        Single.instances += 1

    def close(self) -> None:
        Single.instances -= 1


@pytest.fixture
def single(monkeypatch: pytest.MonkeyPatch) -> type[Single]:
    """Return the simulator, of which none exists."""
    monkeypatch.setattr(Single, "instances", 0)
    return Single


def test_one_instance_trains_without_evaluation_and_is_scored(
    tmp_path: Path, single: type[Single], plain: Trainer
) -> None:
    with pytest.raises(ConfigError, match=r"evaluation_every: 6 is not allowed, .* allowed: 0$"):
        train_on(tmp_path, single)
    assert (single.instances, [*tmp_path.iterdir()]) == (0, [])
    trainer = train_on(tmp_path, single, evaluation_every=0)
    assert torch.equal(trainer.replay.rows, plain.replay.rows[:1])
    with pytest.warns(RunWarning, match="episodes run 1 at a time, since 2 environments cannot"):
        evaluation = ddpg.evaluate(trainer.folder.path, 3, env=single)
    assert [each.returns for each in evaluation.members] == [[float(LENGTH)] * 3]
    assert single.instances == 0


@pytest.mark.filterwarnings("ignore:evaluation episodes run:ddpg.errors.RunWarning")
def test_few_instances_have_the_returns_of_many() -> None:
    def maker(limit: int) -> Callable[[], gymnasium.Env[Any, Any]]:
        numbers = iter(range(limit))

        def make() -> gymnasium.Env[Any, Any]:
            next(numbers)
            return gymnasium.make("Pendulum-v1", max_episode_steps=10)

        return make

    def policies(observation: np.ndarray) -> np.ndarray:
        gains = np.array([0.5, -0.25])[:, None, None]
        return np.tanh(gains * observation[..., 2:])

    results = [Evaluator(maker(limit), {}, 5, 7).run(policies, 2, 0.9) for limit in (100, 3)]
    for many, few in zip(*results, strict=True):
        assert np.array_equal(many, few)


class Endless(Plain):
    """Task without an end."""

    def __init__(self) -> None:
        super().__init__(flag=lambda *_: False)


def test_an_evaluation_without_an_end_is_cut_off(tmp_path: Path) -> None:
    sentence = (
        "2 of 2 evaluation episodes were cut off after 9 steps (evaluation_max_steps), so their "
        "returns are sums of these steps"
    )
    with pytest.warns(RunWarning) as warned:
        trainer = train_on(tmp_path, Endless, evaluation_max_steps=9)
    assert {str(each.message) for each in warned} == {sentence}
    assert trainer.state.returns is not None
    assert trainer.state.returns.tolist() == [9.0]
    folder = trainer.folder.path
    with pytest.warns(RunWarning, match="2 of 2 evaluation episodes were cut off after 7 steps"):
        assert ddpg.evaluate(folder, 2, env=Endless, max_steps=7).mean == 7.0
    with pytest.raises(ConfigError, match="max_steps: 0 is not allowed; allowed: a whole number"):
        ddpg.evaluate(folder, 2, env=Endless, max_steps=0)


def test_an_episode_of_exactly_the_limit_is_not_cut_off() -> None:
    episodes = Evaluator(Plain, {}, 2, 0, max_steps=LENGTH).run(lambda o: o[..., :1] * 0, 1)
    assert not episodes.cut_off.any()
    assert episodes.returns.tolist() == [[float(LENGTH)] * 2]


def test_a_float64_observation_under_float32_can_be_resumed(tmp_path: Path) -> None:
    def env() -> Plain:
        return Plain(observe=lambda env: np.array([0.1, env.t]))

    train_on(tmp_path, env)
    trainer = train_on(tmp_path, env, steps=20, resume=True)
    assert trainer.state.step == 20


def test_the_space_of_a_scalar_is_one_number() -> None:
    space = Box(-9, 9, (), np.float32)
    environments = Environments(lambda: Plain(space, observe=lambda env: float(env.t)), 1, {})
    environments.reset([0])
    assert environments.step(np.zeros((1, 1))).next_observation.tolist() == [[1.0]]
