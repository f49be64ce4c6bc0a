"""Statistics against values computed by hand and by rliable, and the numbers of the study."""

import csv
import gzip
import re
import warnings

import numpy as np
import pytest
from rliable import library, metrics

from ddpg.comparison.report.reading import Series
from ddpg.comparison.report.statistics import (
    Estimate,
    areas,
    final_scores,
    interquartile_means,
    probability_of_improvement,
    quartile_band,
)
from tests.comparison.report import stored_study


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


@pytest.fixture
def seeded():
    """Seed NumPy's global generator, from which rliable draws."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


def by_rliable(scores, statistic):
    """Return rliable's estimate and bounds of `statistic` of `scores`, with 2,000 draws."""
    with warnings.catch_warnings():
        # rliable calls arch with a deprecated argument.
        warnings.simplefilter("ignore", FutureWarning)
        values, bounds = library.get_interval_estimates({"": scores}, statistic, reps=2_000)
    return values[""][0], *bounds[""][:, 0]


@pytest.mark.usefixtures("seeded")
@pytest.mark.parametrize("variant", ["none", "detach"])
def test_intervals_agree_with_rliables_on_the_scores_of_the_study(variant):
    place = stored_study.Place("Pendulum-v1", "critic_update", "target", "adam")
    scores = final_scores(stored_study.stored_returns("critic")[place][variant])
    ours = np.ravel(interquartile_means(scores[:, None]))
    theirs = by_rliable(scores[:, None], lambda x: np.array([metrics.aggregate_iqm(x)]))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-12)
    # The draws differ, and with them the bounds.
    assert ours == pytest.approx(theirs, abs=0.05 * (theirs[2] - theirs[1]))


@pytest.mark.usefixtures("seeded")
def test_a_probability_agrees_with_rliables():
    x, y = np.random.default_rng(2).normal(size=(2, 12))
    x += 0.5

    def statistic(x, y):
        return np.array([(x[:, None, 0] > y[None, :, 0]).mean()])

    theirs = by_rliable((x[:, None], y[:, None]), statistic)
    assert probability_of_improvement(x, y)[:3] == pytest.approx(theirs, abs=0.03)


@pytest.mark.parametrize("study", stored_study.STUDIES)
def test_the_stored_numbers_of_the_study_are_those_of_its_returns(study):
    computed = {
        (*place, variant, metric, "" if step is None else str(step)): estimate
        for place, variant, metric, step, estimate in stored_study.estimates(study)
    }
    path = stored_study.FOLDER / f"{study}-figures.csv.gz"
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        stored = {
            tuple(row[:7]): [float(n) for n in row[7:10]] for row in list(csv.reader(file))[1:]
        }
    for key, estimate in computed.items():
        assert stored[key] == pytest.approx(estimate[:3], rel=1e-9), key


def test_the_text_of_the_study_has_the_computed_numbers():
    computed = set()
    for study in stored_study.STUDIES:
        for _, _, metric, _, estimate in stored_study.estimates(study):
            digits = 2 if "improvement" in metric else 0
            value, low, high = (f"{n:.{digits}f}".replace("-", "−") for n in estimate[:3])
            computed.add(f"{value} [{low}, {high}]")
    text = " ".join((stored_study.FOLDER.parent / "study.md").read_text(encoding="utf-8").split())
    written = re.findall(r"−?[\d.]+ \[−?[\d.]+, −?[\d.]+\]", text)
    assert len(written) > 100
    assert [each for each in written if each not in computed] == []


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
    assert str(probability_of_improvement(x + 10, y)) == "1.00 [1.00, 1.00]"


def test_an_estimate_is_repeatable():
    x, y = np.random.default_rng(1).normal(size=(2, 6))
    assert probability_of_improvement(x, y) == probability_of_improvement(x, y)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((-520.5357, -708.836, -332.4059), "−521 [−709, −332]"),
        ((-137.04, -138.2, -136.5), "−137.0 [−138.2, −136.5]"),
        ((0.876, 0.7, 1.0), "0.88 [0.70, 1.00]"),
        ((0.7812, 0.7798, 0.7911), "0.781 [0.780, 0.791]"),
        ((1000.0, 1000.0, 1000.0), "1000 [1000, 1000]"),
        ((12345.6, 12345.6, 12345.6), "12346 [12346, 12346]"),
        ((-0.001, -0.2, 0.2), "0.00 [−0.20, 0.20]"),
        ((np.nan, np.nan, np.nan), "nan [nan, nan]"),
    ],
)
def test_an_estimate_is_rounded_by_the_width_of_its_interval(numbers, text):
    value, low, high = numbers
    assert str(Estimate(value, low, high, 10)) == text


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
