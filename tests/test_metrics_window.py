"""The window of metrics: nothing is lost or shifted where its blocks are put together."""

import numpy as np
import pytest
import torch

from ddpg.agent import Metrics
from ddpg.metrics_window import MetricsWindow

MEMBERS = 3
CPU = torch.device("cpu")


def metrics(update: int) -> Metrics:
    """Every value another one."""
    first = 100 * update + torch.arange(MEMBERS, dtype=torch.float32)
    return Metrics(*(first + 10 * term for term in range(len(Metrics._fields))))


def window(updates: int) -> MetricsWindow:
    made = MetricsWindow(500, MEMBERS, CPU)
    for update in range(updates):
        made.append(metrics(update))
    return made


@pytest.mark.parametrize("updates", [1, 99, 100, 101, 250, 500])
def test_the_mean_is_over_every_update(updates):
    made = window(updates)
    assert len(made) == updates
    means = made.means()
    for term, name in enumerate(Metrics._fields):
        expected = 100 * (updates - 1) / 2 + np.arange(MEMBERS) + 10 * term
        assert np.allclose(means[name], expected)
    assert len(made) == updates
    made.clear()
    assert len(made) == 0
    assert made.means() == {}


def test_a_broken_value_is_told_at_its_update():
    made = window(130)
    broken = metrics(130)
    broken.target[2] = float("inf")
    made.append(broken)
    made.append(metrics(131))
    assert made.first_broken(np.ones(MEMBERS, bool)) == (130, 2, "target", float("inf"))
    assert made.first_broken(np.array([True, True, False])) is None


def test_a_window_goes_on_from_its_state():
    state = window(130).state_dict()
    assert state.shape == (len(Metrics._fields), 130, MEMBERS)
    other = window(7)
    other.load_state_dict(state)
    for update in range(130, 250):
        other.append(metrics(update))
    assert torch.equal(other.state_dict(), window(250).state_dict())
