"""Numbers and parts of updates, multi-step returns and learning rates."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.environments.vector import Transition
from ddpg.errors import ConfigError
from ddpg.evaluation.audit import contract_and_updates, details_of
from ddpg.isolation import audit
from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.training.loop import train
from ddpg.training.multi_step import MultiStep
from ddpg.training.schedule import UpdateSchedule, step_of, updates_between
from tests.parts import make_agent, random_batch, same_bits, snapshot

ALL: dict[str, Any] = {
    **{"n_step": 3, "actor_every": 2, "updates_per_step": 3, "update_every": 2},
    **{"learning_rate_steps": 60, "learning_rate_final": 0.5, "gradient_clip": 0.5},
}
SMALL: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 20, "log_every": 7, "members": 2},
    **{"evaluation_every": 10, "evaluation_episodes": 1, "separation_every": 10, "steps": 45},
    "tensorboard": False,
}


def run(runs: Path, name: str, **settings: Any) -> Path:
    return train(Config(**{**SMALL, "runs": str(runs), "name": name, **settings})).folder


def same_weights(one: Path, other: Path) -> bool:
    return (one / "weights.csv").read_bytes() == (other / "weights.csv").read_bytes()


@pytest.mark.parametrize(
    "settings",
    [{}, {"n_step": 3, "updates_per_step": 2}, ALL],
    ids=str,
)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, settings: dict[str, Any]):
    whole = run(tmp_path, "whole", **settings)
    for steps in (23, 31, 45):
        broken = run(tmp_path, "broken", **settings, steps=steps, resume=steps > 23)
    for file in ("weights.csv", "metrics.csv"):
        assert (broken / file).read_bytes() == (whole / file).read_bytes()
    plain = run(tmp_path, "plain")
    assert same_weights(whole, plain) == (settings == {})


def test_correct_stops_are_equal_and_the_control_is_not(tmp_path: Path):
    reference = run(tmp_path, "default", **ALL)
    assert same_weights(reference, run(tmp_path, "one", **ALL, stop="detach", actor_stop="inputs"))
    assert not same_weights(reference, run(tmp_path, "none", **ALL, stop="none"))


def test_updates_are_counted(tmp_path: Path):
    folder = run(tmp_path, "mine", n_step=3, actor_every=2, updates_per_step=3, update_every=4)
    state = Checkpoints(folder / "checkpoints").load_state()
    # After steps 24, 28, ..., 44.
    assert state["updates"] == 6 * 3
    steps = [
        state["agent"][f"{name}_optimizer"]["state"][0]["step"] for name in ("critic", "actor")
    ]
    assert [step.item() for step in steps] == [18, 9]
    assert len(state["multi_step"]) == 2


@pytest.mark.parametrize(("every", "each"), [(1, 1), (3, 1), (1, 4), (3, 2)])
def test_the_step_of_an_update_follows_from_its_number(every: int, each: int):
    config = Config(random_steps=10, update_every=every, updates_per_step=each)
    steps = [s for s in range(1, 41) for _ in range(updates_between(config, s - 1, s))]
    assert updates_between(config, 0, 40) == len(steps) > 0
    assert steps == [s for s in range(11, 41) if s % every == 0 for _ in range(each)]
    found = [step_of(config, 40, len(steps) - index - 1) for index in range(len(steps))]
    assert found == steps


def test_the_actor_and_the_targets_move_in_each_second_update_only():
    agent = make_agent(actor_every=2)
    schedule = UpdateSchedule(agent, agent.update, agent.update_critic)
    batch = random_batch(1, 0)
    for update in range(4):
        before = {name: snapshot(module) for name, module in agent.modules.items()}
        values = schedule.run(batch, update)
        moved = {n for n, m in agent.modules.items() if not same_bits(before[n], snapshot(m))}
        assert moved == ({"critic"} if update % 2 else set(agent.modules))
        if update % 2:
            assert torch.equal(values.policy_q, agent.value(batch.observation))


def test_learning_rates_fall_to_their_end(tmp_path: Path):
    settings = {"learning_rate_steps": 30, "evaluation_every": 5, "optimizer": "adam"}
    for optimizer in ("adam", "sgd"):
        rates = {**settings, "optimizer": optimizer}
        folder = run(tmp_path, optimizer, **rates)
        with (folder / "weights.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["member"] == "0"]
        hashes = {int(row["step"]): row["sha256"] for row in rows}
        assert hashes[25] != hashes[30]
        # The targets follow still.
        state = Checkpoints(folder / "checkpoints").load_state()["agent"]
        assert {group["lr"] for group in state["critic_optimizer"]["param_groups"]} == {0}


def test_learning_rates_are_linear():
    agent = make_agent(learning_rate_steps=100, learning_rate_final=0.5, critic_learning_rate=0.1)
    schedule = UpdateSchedule(agent, agent.update, agent.update_critic)
    for step, rate in ((0, 0.1), (50, 0.075), (100, 0.05), (1000, 0.05)):
        schedule.set_learning_rates(step)
        assert agent.critic_optimizer.param_groups[0]["lr"] == pytest.approx(rate)


def steps_of_two_members(count: int) -> list[tuple[Any, ...]]:
    """Return observation, action and transition of steps; some terminate, some are truncated."""
    generator = np.random.default_rng(0)
    steps, observation = [], generator.normal(size=(2, 3)).astype(np.float32)
    for _ in range(count):
        following = generator.normal(size=(2, 3)).astype(np.float32)
        terminated = generator.random(2) < 0.2
        ended = terminated | (generator.random(2) < 0.2)
        action = generator.uniform(-1, 1, (2, 1)).astype(np.float32)
        transition = Transition(
            following, generator.normal(size=2), terminated, ended, np.zeros((2, 0))
        )
        steps.append((observation, action, transition))
        observation = np.where(ended[:, None], generator.normal(size=(2, 3)), following)
        observation = observation.astype(np.float32)
    return steps


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_target_sums_rewards_up_to_the_end_of_an_episode(length: int):
    """Against the definition: Σγⁱr + γᵐ(1 − terminated)·v(s'), with v as the sum of s'."""
    gamma, steps = 0.9, steps_of_two_members(60)
    stream = RandomStreams.from_seeds([0, 1]).replay
    replay = ReplayBuffer(stream, 100, 3, 1, torch.device("cpu"))
    multi_step = MultiStep(length, gamma, 2, 3, 1)
    for step in steps:
        multi_step.add(replay, *step)
    assert len(replay) == 60 - length + 1
    kinds = set()
    for member in range(2):
        for start in range(len(replay)):
            total, factor, terminal = 0.0, 1.0, False
            following = np.empty(0)
            for _, _, transition in steps[start : start + length]:
                total += factor * transition.reward[member]
                factor, terminal = factor * gamma, bool(transition.terminated[member])
                following = transition.next_observation[member]
                if transition.ended[member]:
                    kinds.add(terminal)
                    break
            row = replay.rows[member, start].numpy()
            observation, _, reward, next_observation, terminated = np.split(row, [3, 4, 5, 8])
            assert np.array_equal(observation, steps[start][0][member])
            assert np.array_equal(next_observation, following)
            bootstrap = gamma * (1 - terminated) * following.sum()
            expected = total + factor * (1 - terminal) * following.sum()
            assert (reward + bootstrap)[0] == pytest.approx(expected, abs=1e-5)
    assert kinds == {True, False}


def test_more_steps_than_random_ones_are_refused():
    with pytest.raises(ConfigError, match=r"n_step: 30 is not allowed; allowed: 1 to 20"):
        Config(n_step=30, random_steps=20)


@pytest.mark.parametrize("stop", ["no_grad+optimizer", "none"])
def test_the_audit_of_a_run_updates_the_actor_as_seldom(tmp_path: Path, stop: str, monkeypatch):
    folder = run(tmp_path, "mine", actor_every=3, stop=stop)
    calls: list[str] = []
    for name in ("update_critic", "update_actor"):
        method = getattr(DDPG, name)
        monkeypatch.setattr(
            DDPG,
            name,
            lambda agent, batch, name=name, method=method: (
                calls.append(name),
                method(agent, batch),
            )[1],
        )
    report = audit(*contract_and_updates(folder), rounds=2, stacked=True)
    assert calls[:8] == [*["update_critic"] * 3, "update_actor"] * 2
    assert bool(report.findings) == (stop == "none")
    assert details_of(folder)["Actor update"] == "after every 3 critic updates"
