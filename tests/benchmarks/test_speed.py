"""Ratios, shares and targets of invented measurements, and measurements of real processes."""

import pytest

from benchmarks.sections import speed
from benchmarks.sections.speed import (
    SubjectSpeeds,
    limit_share,
    limit_table,
    measure_speeds,
    speed_table,
)
from benchmarks.sections.targets import targets_table
from benchmarks.subjects.registry import SUBJECTS
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.processes import SubjectError, run_subject
from benchmarks.workload import Workload

TINY = Workload(hidden=8, batch=4, random_steps=5, warm_seconds=0.0, seconds=0.05)


def speeds(subject: str, values: list[float], memory: float = 300.0) -> SubjectSpeeds:
    parts = {"torch.bmm": 1.5} if SUBJECTS[subject].is_limit else None
    repeats = [
        Measurement(
            value,
            1.0,
            startup=2.0,
            first_updates=0.1,
            memory=memory,
            speed_with_torch=value / 2,
            parts=parts,
        )
        for value in values
    ]
    return SubjectSpeeds(subject, "small", SUBJECTS[subject].members, repeats)


EVERY = [
    speeds("stable-baselines3", [100.0, 200.0, 300.0]),
    speeds("ddpg", [300.0, 500.0, 600.0], memory=330.0),
    speeds("ddpg-8-members", [1_000.0, 1_000.0, 1_000.0]),
    speeds("limit", [600.0, 1_000.0, 1_000.0]),
]


def test_ratios_are_per_round():
    assert EVERY[1].ratios(EVERY[0]) == [3.0, 2.5, 2.0]
    assert EVERY[1].speed == 500.0


def test_ratios_by_processor_time_ignore_other_processes():
    disturbed = SubjectSpeeds("ddpg", "small", 1, [Measurement(250.0, 0.5)])
    alone = SubjectSpeeds("stable-baselines3", "small", 1, [Measurement(200.0, 1.0)])
    assert disturbed.ratios(alone) == [1.25]
    assert disturbed.ratios(alone, "by_processor_time") == [2.5]


def test_the_limit_of_a_share_has_the_same_number_of_members():
    assert limit_share(EVERY[1], EVERY) == [0.5, 0.5, 0.6]
    assert limit_share(EVERY[1], EVERY, "speed_with_torch") == [1.0, 1.0, 1.2]
    assert limit_share(EVERY[2], EVERY) is None
    assert limit_share(EVERY[3], EVERY) is None


def test_the_table_has_one_row_per_subject_with_median_and_range():
    rows = {row[0]: row[1:] for row in speed_table("small", EVERY).rows}
    assert list(rows) == [each.subject for each in EVERY]
    assert rows["ddpg"][:6] == [
        "500 (300 … 600)",
        "2.50 (2.00 … 3.00)",
        "2.50",
        "50 (50 … 60)",
        "100 (100 … 120)",
        "2.0",
    ]
    assert limit_table(EVERY).rows == [["small", "1", "torch.bmm", "1.5 (1.5 … 1.5)"]]


def test_a_target_is_a_minimum_for_speed_and_a_maximum_otherwise():
    rows = {row[0]: row[1:] for row in targets_table(EVERY).rows}
    assert rows == {
        "speed of ddpg, small, over stable-baselines3": ["≥ 2.5", "2.50 (2.00 … 3.00)", "yes"],
        "startup of ddpg, small, seconds": ["≤ 3", "2.00 (2.00 … 2.00)", "yes"],
        "memory of ddpg, small, over stable-baselines3": ["≤ 1", "1.10 (1.10 … 1.10)", "no"],
    }


def test_subjects_take_turns(monkeypatch):
    ran = []

    def run(subject: str, workload: Workload) -> Measurement:
        ran.append((subject, workload.hidden, workload.members, workload.seed))
        return Measurement(1.0, 1.0)

    monkeypatch.setattr(speed, "run_subject", run)
    subjects = ["ddpg", "ddpg-8-members"]
    measured = measure_speeds(subjects, ["small", "large"], 2, 1.0, 1, ran.append)
    assert [each for each in ran if isinstance(each, tuple)] == [
        (subject, hidden, members, seed)
        for seed in (0, 1)
        for hidden in (64, 256)
        for subject, members in (("ddpg", 1), ("ddpg-8-members", 8))
    ]
    assert [len(each.repeats) for each in measured] == [2, 2, 2, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "subject",
    ["ddpg", "stable-baselines3", "skrl", "cleanrl-style", "torchrl", "tianshou"],
)
def test_a_subject_is_measured_in_a_process_of_its_own(subject):
    measured = run_subject(subject, TINY)
    assert measured.speed > 0
    assert 0 < measured.processor_share < 2
    assert measured.startup is not None
    assert measured.startup > 0
    assert measured.memory is not None
    assert measured.memory > 50


@pytest.mark.slow
def test_the_error_of_a_failed_process_is_one_sentence():
    with pytest.raises(
        SubjectError, match=r"^ddpg failed: .*batch_size: 0 is not allowed; allowed: "
    ):
        run_subject("ddpg", Workload(batch=0))
