"""Tests of the exploration noise: statistics, members, schedule."""

import numpy as np
import pytest

from ddpg.noise import GaussianNoise, OrnsteinUhlenbeckNoise, scheduled_sigma
from ddpg.random_streams import Stream


def stream(*seeds: int) -> Stream:
    return Stream([np.random.default_rng(seed) for seed in seeds])


def test_gaussian_noise_has_the_scale_and_no_memory():
    noise = GaussianNoise(stream(0, 1), 3)
    draws = np.stack([noise.sample(0.2) for _ in range(20_000)])
    assert draws.shape == (20_000, 2, 3)
    assert np.abs(draws.mean(axis=0)).max() < 0.006
    assert draws.std(axis=0) == pytest.approx(np.full((2, 3), 0.2), rel=0.03)
    lagged = np.mean(draws[1:] * draws[:-1], axis=0) / 0.04
    assert np.abs(lagged).max() < 0.03


def test_ornstein_uhlenbeck_noise_has_its_stationary_scale_and_correlation():
    theta, sigma = 0.15, 0.2
    noise = OrnsteinUhlenbeckNoise(stream(0, 1, 2, 3), 2, theta)
    draws = np.stack([noise.sample(sigma).copy() for _ in range(40_000)])[100:]
    assert draws.std() == pytest.approx(sigma / np.sqrt(1 - (1 - theta) ** 2), rel=0.03)
    correlation = np.mean(draws[1:] * draws[:-1]) / np.mean(draws**2)
    assert correlation == pytest.approx(1 - theta, abs=0.01)


def test_reset_affects_only_the_members_whose_episode_ended():
    noise = OrnsteinUhlenbeckNoise(stream(0, 1), 1, 0.15)
    for _ in range(10):
        noise.sample(1.0)
    before = noise.state.copy()
    noise.reset(np.array([False, True]))
    assert noise.state[0] == before[0] != 0
    assert noise.state[1] == 0 != before[1]


def test_each_member_has_its_own_generator():
    together = GaussianNoise(stream(0, 1, 2), 2)
    alone = GaussianNoise(stream(2), 2)
    for _ in range(3):
        assert np.array_equal(together.sample(0.3)[2], alone.sample(0.3)[0])


@pytest.mark.parametrize(
    ("step", "sigma"), [(0, 1.0), (50, 0.6), (100, 0.2), (150, 0.2), (10**9, 0.2)]
)
def test_schedule_is_linear_and_then_constant(step, sigma):
    assert scheduled_sigma(step, first=1.0, last=0.2, steps=100) == pytest.approx(sigma)


def test_scale_without_a_schedule_is_constant():
    assert scheduled_sigma(10**9, first=0.3, last=0.1, steps=0) == 0.3
