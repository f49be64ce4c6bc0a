"""Time by part: every part counts once, and an inclusive part includes the parts it calls."""

import pytest

from benchmarks.sections.breakdown import Breakdown, breakdown_table, measure_breakdown
from benchmarks.timing import stopwatch as stopwatch_module
from benchmarks.timing.stopwatch import Stopwatch
from benchmarks.workload import Workload


class NestedMethods:
    """`outer` takes 5 seconds and calls `inner`, which takes 10, by a clock that does not run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 0.0
        monkeypatch.setattr(stopwatch_module.time, "perf_counter", lambda: self.now)

    def outer(self) -> str:
        self.now += 2
        result = self.inner()
        self.now += 3
        return result

    def inner(self) -> str:
        self.now += 10
        return "done"


def stopped_seconds(methods: NestedMethods, inclusive: frozenset[str]) -> dict[str, float]:
    """Return the seconds of a stopwatch on both methods, and on one second after them."""
    stopwatch = Stopwatch(rest="rest", inclusive=inclusive)
    stopwatch.wrap(methods, "outer", "outer")
    stopwatch.wrap(methods, "inner", "inner")
    methods.now += 100
    stopwatch.start()
    assert methods.outer() == "done"
    methods.now += 1
    stopwatch.stop()
    return stopwatch.seconds


def test_a_part_excludes_the_parts_it_calls(monkeypatch):
    seconds = stopped_seconds(NestedMethods(monkeypatch), frozenset())
    assert seconds == {"rest": 1.0, "outer": 5.0, "inner": 10.0}


def test_an_inclusive_part_includes_the_parts_it_calls(monkeypatch):
    seconds = stopped_seconds(NestedMethods(monkeypatch), frozenset({"outer"}))
    assert seconds == {"rest": 1.0, "outer": 15.0}


@pytest.mark.slow
def test_the_parts_of_a_real_step_add_up():
    workload = Workload(hidden=8, batch=4, members=2, random_steps=5)
    breakdown = measure_breakdown("tiny", workload, compiled=False, seconds=0.1)
    assert {
        "environment",
        "replay",
        "acting",
        "noise",
        "forward",
        "backward",
        "optimizer",
        "Polyak",
        "logging",
        "audit",
        "update, the rest",
        "Python of the loop",
    } == set(breakdown.parts)
    assert all(spent > 0 for spent in breakdown.parts.values())
    assert breakdown.plain > breakdown.products > 0


def test_the_table_has_one_column_per_case():
    cases = [
        Breakdown("eager", {"forward": 30.0, "backward": 70.0}, 19.0, 95.0, 0.05),
        Breakdown("compiled", {"update, compiled": 50.0}, 25.0, 50.0, 0.0),
    ]
    assert breakdown_table(cases).rows == [
        ["forward", "30 (30 %)", ""],
        ["backward", "70 (70 %)", ""],
        ["update, compiled", "", "50 (100 %)"],
        ["step with the stopwatch", "100", "50"],
        ["step without it", "95", "50"],
        ["bare matrix products", "19 (20 %)", "25 (50 %)"],
        ["overhead of the stopwatch", "5.0 %", "0.0 %"],
    ]
