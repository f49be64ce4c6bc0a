"""Scores of deterministic policies over fixed seeds."""

import numpy as np
import pytest

from ddpg import ConfigError, evaluate, load_policy, train
from ddpg.config.settings import Config
from ddpg.environments.creation import make_environment
from ddpg.errors import CheckpointError
from ddpg.evaluation.confidence import interquartile_mean
from ddpg.evaluation.episodes import Evaluator
from ddpg.evaluation.scores import score


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a short run of two members."""
    runs = str(tmp_path_factory.mktemp("runs"))
    config = Config(
        runs=runs, name="mine", members=2, seed=5, steps=60, random_steps=20, hidden=(16, 16)
    )
    return train(config).folder


def test_an_evaluation_is_repeatable_and_complete(run):
    evaluation = evaluate(run, episodes=3, first_seed=77)
    assert evaluation == evaluate(run, episodes=3, first_seed=77)
    assert evaluation != evaluate(run, episodes=3, first_seed=78)
    assert list(evaluation.to_dict()) == [
        "run",
        "env",
        "step",
        "episodes",
        "first_seed",
        "mean",
        "iqm",
        "members",
    ]
    assert (evaluation.run, evaluation.env, evaluation.step) == ("mine", "Pendulum-v1", 60)
    for member, seed in zip(evaluation.members, (5, 6), strict=True):
        assert member.seed == seed
        assert len(member.returns) == 3
        assert member.mean == pytest.approx(np.mean(member.returns))
        assert member.interval[0] <= member.iqm <= member.interval[1]
    assert evaluation.mean == pytest.approx(np.mean([m.mean for m in evaluation.members]))


@pytest.mark.parametrize("member", [0, 1])
def test_the_policy_earns_the_returns_of_the_evaluation(run, member):
    policy = load_policy(run, member)
    environment = make_environment("Pendulum-v1", {})
    for episode, expected in enumerate(evaluate(run, 3, 77).members[member].returns):
        observation, _ = environment.reset(seed=77 + episode)
        total, ended = 0.0, False
        while not ended:
            observation, reward, terminated, truncated, _ = environment.step(policy(observation))
            total += float(reward)
            ended = terminated or truncated
        assert total == pytest.approx(expected, rel=1e-3)


def test_a_policy_maps_one_observation_or_a_batch_to_the_environments_units(run):
    policy = load_policy(run)
    observations = np.random.default_rng(0).normal(size=(5, 3))
    many = policy(observations)
    assert many.shape == (5, 1)
    assert many.dtype == np.float32
    assert np.abs(many).max() <= 2
    for one, action in zip(observations, many, strict=True):
        assert policy(one).shape == (1,)
        assert policy(one) == pytest.approx(action, abs=1e-6)
    assert (policy.seed, policy.step, policy.env) == (5, 60, "Pendulum-v1")


def test_episodes_do_not_depend_on_the_number_of_chunks():
    seen = Evaluator("Pendulum-v1", {}, 45, 10).run(constant, 2).returns
    assert seen.shape == (2, 45)
    assert np.array_equal(seen[0], seen[1])
    later = Evaluator("Pendulum-v1", {}, 5, 50).run(constant, 1).returns
    assert np.array_equal(seen[0, 40:], later[0])


def constant(observation):
    """Return half of full torque for every observation."""
    return np.full((*observation.shape[:2], 1), 0.5)


def test_an_episode_ends_with_its_environment():
    episodes = Evaluator("ddpg-tests/Terminates-v0", {}, 2, 0).run(constant, 1, gamma=0.5)
    assert episodes.returns.tolist() == [[2.0, 2.0]]
    assert episodes.discounted.tolist() == [[0.5 + 0.25 + 0.125 + 0.0625] * 2]
    assert episodes.first_observation.shape == (1, 2, 2)
    assert episodes.first_observation[..., 1].tolist() == [[0.0, 0.0]]


def test_scores_by_hand():
    returns = np.array([-1000.0, *np.arange(1.0, 7.0), 1000.0])
    scored = score(3, returns, 0)
    assert scored.mean == pytest.approx(returns.mean())
    assert scored.iqm == pytest.approx(np.mean([2.0, 3.0, 4.0, 5.0]))
    assert scored.interval[0] < scored.iqm < scored.interval[1]
    assert interquartile_mean(returns) == scored.iqm


def test_an_interval_is_repeatable_and_does_not_use_the_global_generator():
    returns = np.random.default_rng(0).normal(size=40)
    np.random.seed(3)  # noqa: NPY002 (the user's generator)
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert score(0, returns, 0).interval == score(0, returns, 0).interval
    assert np.random.random() == expected  # noqa: NPY002


def test_one_episode_has_no_interval():
    assert score(0, np.array([3.0]), 0).interval == (3.0, 3.0)


def test_bad_arguments_are_refused(run, tmp_path):
    with pytest.raises(ConfigError, match="is not a run folder"):
        evaluate(tmp_path)
    with pytest.raises(ConfigError, match="episodes: 0 is not allowed"):
        evaluate(run, episodes=0)
    with pytest.raises(ConfigError, match="seed: -1 is not allowed"):
        evaluate(run, first_seed=-1)
    with pytest.raises(ConfigError, match="member: 2 is not allowed; allowed: 0 to 1"):
        load_policy(run, 2)
    (tmp_path / "config.yaml").write_text(Config().to_yaml())
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        evaluate(tmp_path)
