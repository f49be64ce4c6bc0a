"""A short soak: memory is flat and files are bounded. Only `make soak` judges the speed."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from ddpg.config.settings import Config
from tests.soak.measure import SoakSample, soak, soak_figures

LOG_EVERY = 500


@pytest.mark.slow
def test_memory_is_flat_and_files_are_bounded_over_twenty_thousand_steps(tmp_path):
    config = Config(
        runs=str(tmp_path),
        name="soak",
        steps=20_000,
        hidden=(8,),
        batch_size=8,
        replay_capacity=2_000,
        log_every=LOG_EVERY,
        evaluation_episodes=1,
        # The first evaluation loads what draws the matrix, so it is within the warm-up.
        evaluation_every=2_000,
        checkpoint_every=2_000,
    )
    # A new process, because this one may free memory of earlier tests at any time.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        samples = pool.submit(soak, config, every=LOG_EVERY).result()
    figures = soak_figures(samples, LOG_EVERY)
    assert abs(figures.memory_growth) < 0.01, figures
    # Two checkpoints, and their replay pieces of 2,000 rows of 36 bytes.
    assert figures.largest["checkpoints"] < 1_000_000
    assert figures.bytes_per_step["checkpoints"] == pytest.approx(0, abs=10)
    assert 0 < figures.bytes_per_step["csv"] < 20
    assert 0 < figures.bytes_per_step["tensorboard"] < 50
    assert list(Path(tmp_path / "soak" / "checkpoints").glob(".unfinished-*")) == []


def invented_samples(memory: float, slower: float) -> list[SoakSample]:
    """Return samples of a run whose memory and time per step grow by these shares in total."""
    samples, training, reference = [], 0.0, 0.0
    for index in range(101):
        resident = round(1e8 * (1 + memory * index / 100))
        files = {"csv": index * 5_000}
        samples.append(SoakSample(index * 1_000, resident, training, reference, files))
        # The machine itself slows down by half, which must cancel out.
        machine = 1 + index / 100
        training += machine * (1 + slower * index / 100)
        reference += machine * 0.1
    return samples


def test_the_figures_show_growth_and_a_slower_training_but_not_a_slower_machine():
    steady = soak_figures(invented_samples(0, 0), LOG_EVERY)
    assert steady.memory_growth == 0
    assert steady.speed_change == pytest.approx(0, abs=1e-9)
    assert steady.bytes_per_step == {"csv": 5.0}
    grown = soak_figures(invented_samples(0.2, 0.2), LOG_EVERY)
    assert 0.1 < grown.memory_growth < 0.2
    assert -0.2 < grown.speed_change < -0.1
