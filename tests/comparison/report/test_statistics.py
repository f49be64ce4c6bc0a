"""Statistics against values computed by hand and by rliable."""

import numpy as np
import pytest
from rliable import metrics

from ddpg.comparison.report.reading import Series
from ddpg.comparison.report.statistics import (
    areas,
    final_scores,
    interquartile_means,
    probability_of_improvement,
    quartile_band,
)


def test_interquartile_means_by_hand():
    column = np.array([-1000.0, 1, 2, 3, 4, 5, 6, 1000])
    value, low, high = interquartile_means(np.stack([column, np.ones(8)], axis=1))
    assert value.tolist() == [np.mean([2, 3, 4, 5]), 1.0]
    assert low[0] < value[0] < high[0]
    assert (low[1], high[1]) == (1.0, 1.0)


@pytest.mark.parametrize("members", range(1, 12))
def test_interquartile_mean_equals_rliables(members):
    column = np.random.default_rng(members).normal(size=members)
    assert interquartile_means(column[:, None])[0][0] == pytest.approx(
        float(metrics.aggregate_iqm(column)), rel=1e-12
    )


def test_intervals_cover_the_true_value_about_as_often_as_stated():
    generator = np.random.default_rng(0)
    columns = generator.normal(size=(30, 400))
    _, low, high = interquartile_means(columns)
    # A percentile bootstrap over 30 members covers slightly less than 95 %.
    assert 0.88 < ((low < 0) & (high > 0)).mean() < 0.98


def test_probability_of_improvement_by_hand():
    x, y = np.array([1.0, 2, 3]), np.array([2.0, 2, 0])
    # 1 beats 0; 2 beats 0 and ties twice; 3 beats all.
    estimate = probability_of_improvement(x, y)
    assert estimate.value == pytest.approx((1 + 2 + 3) / 9)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.members == 3
    reference = metrics.probability_of_improvement(x[:, None], y[:, None])
    assert estimate.value == pytest.approx(float(reference))
    assert probability_of_improvement(x + 10, y)[:3] == (1, 1, 1)
    assert probability_of_improvement(y, y).value == 0.5


def test_an_estimate_is_repeatable():
    x, y = np.random.default_rng(1).normal(size=(2, 6))
    assert probability_of_improvement(x, y) == probability_of_improvement(x, y)


def test_areas_and_final_scores_by_hand():
    curve = Series(np.array([10, 20, 40, 50]), np.array([[0.0, 2, 4, 6], [1.0, 1, 1, 1]]))
    assert areas(curve).tolist() == [(10 + 60 + 50) / 40, 1.0]
    assert final_scores(curve).tolist() == [4.0, 1.0]
    assert areas(Series(np.array([10]), np.array([[7.0]]))).tolist() == [7.0]
    assert final_scores(Series(np.array([10]), np.array([[7.0]]))).tolist() == [7.0]


def test_points_that_a_member_lacks_are_dropped():
    series = Series(np.array([1, 2]), np.array([[1.0, 5], [2.0, np.nan], [9.0, 7]]))
    band = quartile_band(series)
    assert band.steps.tolist() == [1]
    assert (band.value[0], band.low[0], band.high[0], band.members) == (4.0, 1.5, 5.5, 3)
