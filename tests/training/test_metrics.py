"""The window of metrics: no update is lost or shifted at the border of a block."""

import numpy as np
import pytest
import torch

from ddpg.agent import Metrics, Values
from ddpg.training.metrics import MetricsWindow

MEMBERS = 3
CPU = torch.device("cpu")


def values(update: int, batch: int = 5) -> Values:
    """Return values that all differ."""
    random = torch.Generator().manual_seed(update)
    return Values(*(torch.randn(MEMBERS, batch, 1, generator=random) for _ in Values._fields))


def window(updates: int) -> MetricsWindow:
    filled = MetricsWindow(500, MEMBERS, CPU)
    for update in range(updates):
        filled.append(values(update))
    return filled


def test_the_metrics_follow_the_equations():
    q, target, policy_q = values(0)
    metrics = Values(q, target, policy_q).metrics()
    for member in range(MEMBERS):
        loss = ((target[member] - q[member]) ** 2).sum() / 5
        assert metrics.critic_loss[member].item() == pytest.approx(loss.item(), rel=1e-6)
        assert metrics.q[member].item() == pytest.approx(q[member].sum().item() / 5, rel=1e-5)
        assert metrics.target[member].item() == pytest.approx(target[member].sum().item() / 5)
        assert metrics.actor_loss[member].item() == pytest.approx(
            -policy_q[member].sum().item() / 5
        )


@pytest.mark.parametrize("updates", [1, 99, 100, 101, 250, 500])
def test_the_mean_is_over_every_update(updates):
    metrics = window(updates)
    assert len(metrics) == updates
    means = metrics.means()
    for term, name in enumerate(Metrics._fields):
        each = [values(update).metrics()[term].numpy() for update in range(updates)]
        assert np.array_equal(means[name], np.mean(each, axis=0, dtype=np.float64))
    assert len(metrics) == updates
    metrics.clear()
    assert len(metrics) == 0
    assert metrics.means() == {}


@pytest.mark.parametrize("batch", [1, 7, 64, 100, 256])
def test_metrics_do_not_depend_on_the_size_of_a_block(batch):
    together = window(0)
    alone = window(0)
    for update in range(130):
        together.append(values(update, batch))
        alone.append(values(update, batch))
        alone.state_dict()
    assert torch.equal(together.state_dict(), alone.state_dict())


def test_a_value_that_is_not_finite_is_found_at_its_update():
    metrics = window(130)
    infinite = values(130)
    infinite.target[2, 3] = float("inf")
    metrics.append(infinite)
    metrics.append(values(131))
    everyone = np.ones(MEMBERS, bool)
    assert metrics.first_nonfinite(everyone) == (130, 2, "critic_loss", float("inf"))
    assert metrics.first_nonfinite(np.array([True, True, False])) is None


def test_a_window_continues_from_its_state():
    state = window(130).state_dict()
    assert state.shape == (len(Metrics._fields), 130, MEMBERS)
    other = window(7)
    other.load_state_dict(state)
    for update in range(130, 250):
        other.append(values(update))
    assert torch.equal(other.state_dict(), window(250).state_dict())
