"""Where time goes: every part is counted once, and the audit keeps what it calls."""

import pytest

from benchmarks import stopwatch as stopwatch_module
from benchmarks.breakdown import Breakdown, breakdown_table, measure
from benchmarks.stopwatch import Stopwatch
from benchmarks.work import Work


class Layers:
    """`outer` calls `inner`; each takes a while of its own, by a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 0.0
        monkeypatch.setattr(stopwatch_module.time, "perf_counter", lambda: self.now)

    def outer(self) -> str:
        self.now += 2
        done = self.inner()
        self.now += 3
        return done

    def inner(self) -> str:
        self.now += 10
        return "done"


def watched(layers: Layers, whole: frozenset[str]) -> dict[str, float]:
    """The seconds of a stopwatch on both methods, and of two seconds after them."""
    stopwatch = Stopwatch(rest="rest", whole=whole)
    stopwatch.wrap(layers, "outer", "outer")
    stopwatch.wrap(layers, "inner", "inner")
    layers.now += 100
    stopwatch.start()
    assert layers.outer() == "done"
    layers.now += 1
    stopwatch.stop()
    return stopwatch.seconds


def test_a_part_does_not_count_what_it_calls(monkeypatch):
    seconds = watched(Layers(monkeypatch), frozenset())
    assert seconds == {"rest": 1.0, "outer": 5.0, "inner": 10.0}


def test_a_whole_part_keeps_what_it_calls(monkeypatch):
    seconds = watched(Layers(monkeypatch), frozenset({"outer"}))
    assert seconds == {"rest": 1.0, "outer": 15.0}


@pytest.mark.slow
def test_the_parts_of_a_real_step_add_up():
    work = Work(hidden=8, batch=4, members=2, random_steps=5)
    found = measure("tiny", work, compiled=False, seconds=0.1)
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
    } == set(found.parts)
    assert all(spent > 0 for spent in found.parts.values())
    assert found.plain > found.products > 0


def test_the_table_has_a_column_a_case():
    cases = [
        Breakdown("eager", {"forward": 30.0, "backward": 70.0}, 19.0, 95.0, 0.05),
        Breakdown("compiled", {"update, compiled": 50.0}, 25.0, 50.0, 0.0),
    ]
    assert breakdown_table(cases).rows == [
        ["forward", "30 (30 %)", ""],
        ["backward", "70 (70 %)", ""],
        ["update, compiled", "", "50 (100 %)"],
        ["a step with the stopwatch", "100", "50"],
        ["a step without it", "95", "50"],
        ["of which bare matrix products", "19 (20 %)", "25 (50 %)"],
        ["the stopwatch adds", "5.0 %", "0.0 %"],
    ]
