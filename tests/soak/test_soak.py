"""A short soak: memory stays flat and files stay bounded. Speed is judged by `make soak` alone."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ddpg.config.settings import Config
from tests.soak.measure import Sample, figures, soak

LOG_EVERY = 500


@pytest.mark.slow
def test_twenty_thousand_steps_take_no_more_memory_and_bounded_files(tmp_path):
    config = Config(
        runs=str(tmp_path),
        name="soak",
        steps=20_000,
        hidden=(8,),
        batch_size=8,
        replay_capacity=2_000,
        log_every=LOG_EVERY,
        evaluation_episodes=1,
        evaluation_every=5_000,
        checkpoint_every=2_000,
    )
    # A process of its own: what earlier tests left in this one's memory goes at any time.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        samples = pool.submit(soak, config, every=LOG_EVERY).result()
    result = figures(samples, LOG_EVERY)
    assert abs(result.memory_growth) < 0.01, result
    # Two checkpoints and the replay's pieces under them, of 2,000 rows of 36 bytes each.
    assert result.largest["checkpoints"] < 1_000_000
    assert result.bytes_per_step["checkpoints"] == pytest.approx(0, abs=10)
    assert 0 < result.bytes_per_step["csv"] < 20
    assert 0 < result.bytes_per_step["tensorboard"] < 50
    assert list(Path(tmp_path / "soak" / "checkpoints").glob(".unfinished-*")) == []


def sampled(memory: float, slower: float) -> list[Sample]:
    """Samples of a run whose memory and whose time a step grow by these shares, start to end."""
    samples, training, reference = [], 0.0, 0.0
    for index in range(101):
        resident = round(1e8 * (1 + memory * index / 100))
        samples.append(Sample(index * 1_000, resident, training, reference, {"csv": index * 5_000}))
        # The machine itself slows down to the half, which is no matter of the training.
        machine = 1 + index / 100
        training += machine * (1 + slower * index / 100)
        reference += machine * 0.1
    return samples


def test_the_figures_tell_growth_and_slowing_down_and_not_the_machines():
    steady = figures(sampled(0, 0), LOG_EVERY)
    assert steady.memory_growth == 0
    assert steady.speed_change == pytest.approx(0, abs=1e-9)
    assert steady.bytes_per_step == {"csv": 5.0}
    grown = figures(sampled(0.2, 0.2), LOG_EVERY)
    assert 0.1 < grown.memory_growth < 0.2
    assert -0.2 < grown.speed_change < -0.1
