"""Normalized observations and scaled rewards: statistics of training, kept with the agent."""

import dataclasses
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.wrappers import NormalizeReward

from ddpg import evaluate, load_policy
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, ConfigError, RunWarning
from ddpg.evaluation.audit import contract_and_updates
from ddpg.evaluation.episodes import TRAINING_FIRST_SEED
from ddpg.evaluation.export import export_policy
from ddpg.isolation import audit
from ddpg.normalization.agent import NormalizedDDPG, make_agent, normalization_of
from ddpg.normalization.statistics import Moments
from ddpg.random_streams import RandomStreams
from ddpg.runs.checkpoint import Checkpoints
from ddpg.stops import STOPS, Crossing, Effect, stop_names
from ddpg.training.loop import Trainer, train
from tests.evaluation.test_export import act_arrays
from tests.faults.forging import forge
from tests.parts import gradient_kind, random_batch, same_bits, snapshot

BOTH: dict[str, Any] = {"normalize_observations": True, "reward_scale": "auto"}
SMALL: dict[str, Any] = {
    **{"hidden": (8,), "batch_size": 8, "random_steps": 10, "log_every": 7, "members": 2},
    **{"evaluation_every": 12, "evaluation_episodes": 2, "separation_every": 5, "steps": 36},
    "tensorboard": False,
}


OBSERVED = np.random.default_rng(0).normal(3, 2, (5, 2, 3)).astype(np.float32)
"""`[step, member, observation]`."""


class Far(gymnasium.Env[Any, Any]):
    """Observations around 100; the best action is their deviation."""

    observation_space = Box(-np.inf, np.inf, (1,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed, options=options)
        self.steps = 0
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        reward = -float((action[0] - self.place) ** 2)
        self.steps += 1
        return self._observation(), reward, False, self.steps >= 10, {}

    def _observation(self) -> Any:
        self.place = self.np_random.uniform(-1, 1)
        return np.array([100 + 20 * self.place], np.float32)


def make_config(runs: Path, name: str = "mine", **settings: Any) -> Config:
    return Config(**{**SMALL, **BOTH, "env": Far, "runs": str(runs), "name": name, **settings})


def state_of(folder: Path) -> dict[str, Any]:
    return Checkpoints(folder / "checkpoints").load_state()["agent"]["normalization"]


def agent_of(**settings: Any) -> Any:
    config = Config(**{"hidden": (16, 16), "members": 2, **settings})
    weights = RandomStreams.from_seeds([0, 1]).weights
    return make_agent(config, 3, 2, weights, torch.device("cpu"))


def normalized_agent(**settings: Any) -> NormalizedDDPG:
    """Return an agent with statistics."""
    agent = agent_of(**{**BOTH, **settings})
    for observation in OBSERVED:
        agent.normalization.add_observation(observation)
        agent.normalization.add_reward(4 * observation[:, 0].astype(np.float64))
    return agent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a whole run."""
    return train(make_config(tmp_path_factory.mktemp("runs"), "whole")).folder


def test_moments_are_mean_and_variance_of_all_values() -> None:
    values = np.random.default_rng(0).normal(1e4, 3, (50, 2, 3))
    moments = Moments(2, 3)
    for each in values:
        moments.add(each)
    np.testing.assert_allclose(moments.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.factor, 1 / values.std(axis=0), rtol=1e-6)


def test_statistics_are_those_of_the_steps_and_the_replay_is_raw(tmp_path: Path) -> None:
    trainer = Trainer(make_config(tmp_path, evaluation_every=0), lambda _: None)
    trainer.begin()
    trainer.advance(36)
    trainer.save()
    trainer.close()
    observed = trainer.replay.rows[:, :36, 0].double().numpy()
    state = state_of(tmp_path / "mine")
    assert observed.mean() > 80
    assert state["observations"]["count"] == 36
    np.testing.assert_allclose(state["observations"]["mean"][:, 0], observed.mean(axis=1))
    # The second member has an environment of its own.
    assert state["observations"]["mean"][0] != state["observations"]["mean"][1]
    sums, rewards = np.zeros((2, 36)), trainer.replay.rows[:, :36, 2].double().numpy()
    for step in range(36):
        before = sums[:, step - 1] if step % 10 else np.zeros(2)
        sums[:, step] = 0.98 * before + rewards[:, step]
    scale = state["reward_scale"].ravel().numpy()
    np.testing.assert_allclose(scale, 1 / sums.std(axis=1), rtol=1e-4)


def test_a_resumed_run_equals_an_uninterrupted_one(run: Path, tmp_path: Path) -> None:
    for steps in (9, 25, 36):
        resumed = train(make_config(tmp_path, "whole", steps=steps, resume=steps > 9)).folder
    for file in ("weights.csv", "metrics.csv"):
        assert (resumed / file).read_bytes() == (run / file).read_bytes()
    assert str(state_of(resumed)) == str(state_of(run))
    plain = train(make_config(tmp_path, "plain", normalize_observations=False)).folder
    assert (plain / "weights.csv").read_bytes() != (run / "weights.csv").read_bytes()


def test_an_evaluation_uses_the_statistics_of_training_and_moves_nothing(tmp_path: Path) -> None:
    trainer = Trainer(make_config(tmp_path), lambda _: None)
    trainer.begin()
    trainer.advance(35)
    normalization = normalization_of(trainer.agent)
    assert normalization is not None
    before = str(normalization.state_dict())
    trainer._evaluate()
    assert str(normalization.state_dict()) == before
    trainer.save()
    trainer.close()
    scored = evaluate(tmp_path / "mine", 2, TRAINING_FIRST_SEED, env=Far)
    assert trainer.state.returns is not None
    assert [each.mean for each in scored.members] == pytest.approx(trainer.state.returns, rel=1e-5)


def test_policy_best_and_export_have_the_statistics(run: Path, tmp_path: Path) -> None:
    observation = np.linspace(80, 120, 8, dtype=np.float32)[:, None]
    trainer = Trainer(make_config(run.parent, "whole", resume=True), lambda _: None)
    for member in (0, 1):
        policy = load_policy(run, member)
        expected = trainer.state.policies(np.stack([observation] * 2))[member]
        np.testing.assert_allclose(policy(observation), expected, atol=1e-6)
        # The networks see deviations: without statistics every action is the same.
        assert np.ptp(policy(observation)) > 1e-3
        export_policy(policy, tmp_path / "policy.npz")
        from_arrays = act_arrays(tmp_path / "policy.npz")(observation)
        np.testing.assert_allclose(from_arrays, expected, atol=1e-6)
    trainer.close()
    # The export itself compares the actions.
    export_policy(policy, tmp_path / "policy.pt2")
    best = load_policy(run, 0, best=True)
    other = load_policy(train(make_config(tmp_path, steps=best.step)).folder, 0)
    assert np.array_equal(best(observation), other(observation))


def test_the_algorithm_gets_normalized_values_and_returns_raw_ones() -> None:
    agent, plain = normalized_agent(), agent_of()
    seen = torch.from_numpy(OBSERVED.astype(np.float64))
    mean, deviation = seen.mean(0)[:, None], seen.std(0, correction=0)[:, None]
    plain.load_state_dict({k: v for k, v in agent.state_dict().items() if k != "normalization"})
    scale = agent.normalization.reward_scale
    for seed in range(3):
        batch = random_batch(2, seed)
        inner = agent.normalization.batch(batch)
        assert torch.equal(inner.reward, batch.reward * scale)
        for raw, normalized in (
            (batch.observation, inner.observation),
            (batch.next_observation, inner.next_observation),
        ):
            expected = (raw - mean) / deviation
            torch.testing.assert_close(
                normalized.double(), expected.clamp(-10, 10), rtol=1e-4, atol=1e-4
            )
        values, expected = agent.update(batch), plain.update(inner)
        for raw, scaled in zip(values, expected, strict=True):
            assert torch.equal(raw, scaled / scale)
    for name, module in agent.modules.items():
        assert same_bits(snapshot(module), snapshot(plain.modules[name]))
    observation = random_batch(2, 9).observation
    normalized = agent.normalization.observations(observation)
    assert torch.equal(agent.act(observation), plain.act(normalized))
    assert torch.equal(agent.value(observation), plain.value(normalized) / scale)


def test_a_number_scales_rewards_alone() -> None:
    agent = agent_of(reward_scale=0.1)
    batch = random_batch(2, 0)
    inner = agent.normalization.batch(batch)
    assert torch.equal(inner.reward, batch.reward * 0.1)
    assert torch.equal(inner.observation, batch.observation)
    assert normalization_of(agent_of()) is None


@pytest.mark.parametrize("stop", stop_names(Crossing.UPSTREAM, Effect.PROTECTS))
def test_every_stop_protects_and_trains(stop: str) -> None:
    agent, reference = normalized_agent(stop=stop), normalized_agent()
    before = snapshot(agent.actor_target), snapshot(agent.critic_target)
    for each in (agent, reference):
        each.update_critic(random_batch(2, 0))
    assert gradient_kind(agent.critic.parameters()) == "nonzero"
    assert same_bits(snapshot(agent.critic), snapshot(reference.critic))
    assert same_bits(before[0], snapshot(agent.actor_target))
    assert same_bits(before[1], snapshot(agent.critic_target))
    assert STOPS[stop].effect[Crossing.UPSTREAM] == Effect.PROTECTS


def test_the_audit_of_a_run_finds_the_control_and_no_other(run: Path, tmp_path: Path) -> None:
    assert audit(*contract_and_updates(run), stacked=True).findings == []
    folder = train(make_config(tmp_path, stop="none", evaluation_every=0)).folder
    findings = audit(*contract_and_updates(folder), stacked=True).findings
    assert {each.module for each in findings} == {"actor_target", "critic_target"}


@pytest.mark.parametrize("part", ["observations", "returns"])
def test_negative_sums_of_squares_are_refused(tmp_path: Path, part: str) -> None:
    copied = train(make_config(tmp_path, steps=20)).folder

    def change(state: Any) -> Any:
        state["agent"]["normalization"][part]["squares"] *= -1
        return state

    forge(copied, change)
    with pytest.raises(CheckpointError, match="has a negative number"):
        train(make_config(tmp_path, resume=True))
    settings = dataclasses.replace(make_config(tmp_path, resume=True), reward_scale=2.0)
    with pytest.raises(ConfigError, match=r"reward_scale: 2\.0 is not allowed, since the run"):
        train(settings)


@pytest.mark.parametrize("value", [0, -1.0, "big", True, 2e6])
def test_other_scales_are_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match="allowed: auto, or a number > 0 and ≤ 1,000,000"):
        Config(reward_scale=value)


class Own(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Wrapper with statistics of its own, as many projects have one."""

    def __init__(self, env: Any):
        super().__init__(env)
        self.statistics = type("RunningMeanStd", (), {})()


@pytest.mark.parametrize(
    ("wrapper", "sentence"),
    [
        (NormalizeReward, r"NormalizeReward .* older statistics; the setting reward_scale: auto"),
        (Own, r"Own .* policies and evaluations do not have; the setting normalize_observations"),
    ],
)
def test_wrappers_with_statistics_are_named_with_the_setting_that_replaces_them(
    tmp_path: Path, wrapper: Any, sentence: str
) -> None:
    with pytest.warns(RunWarning, match=sentence) as caught:
        train(make_config(tmp_path, env=lambda: wrapper(Far()), steps=12))
    assert len(caught) == 1
