"""Time to a solved Pendulum: the clock stops while a policy is evaluated."""

import numpy as np
import pytest

from benchmarks.sections import solve
from benchmarks.sections.solve import Milestones, SolveRun, measure_solving, solve_table
from benchmarks.timing.clock import Finished
from ddpg.evaluation.episodes import Episodes


class FakeClock:
    """A monotonic clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 100.0
        monkeypatch.setattr(solve.time, "monotonic", lambda: self.now)


class FakeEvaluator:
    """Evaluator that takes 30 seconds per evaluation and returns the given means in turn."""

    def __init__(self, clock: FakeClock, *means: float):
        self.clock = clock
        self.means = iter(means)

    def run(self, policies: object, members: int) -> Episodes:
        del policies
        self.clock.now += 30
        returns = np.full((members, 2), next(self.means))
        return Episodes(returns, returns, np.zeros((members, 2, 3), np.float32), returns > np.inf)


def fake_milestones(clock: FakeClock, *means: float) -> Milestones:
    return Milestones(clock.now, 1_500, lambda: FakeEvaluator(clock, *means))


def test_evaluations_cost_no_time_and_the_first_good_one_ends_the_run(monkeypatch):
    clock = FakeClock(monkeypatch)
    milestones = fake_milestones(clock, -1_000.0, -149.0)
    clock.now += 4
    milestones.reach(500, lambda observation: observation)
    clock.now += 2
    with pytest.raises(Finished):
        milestones.reach(1_000, lambda observation: observation)
    assert milestones.returns == [-1_000.0, -149.0]
    assert milestones.seconds == [4.0, 6.0]


def test_a_run_stops_unsolved_at_the_last_evaluation(monkeypatch):
    milestones = fake_milestones(FakeClock(monkeypatch), -1_000.0)
    with pytest.raises(Finished):
        milestones.reach(1_500, lambda observation: observation)
    assert (
        SolveRun("ddpg", 0, milestones.steps, milestones.seconds, milestones.returns).solved is None
    )


def test_the_table_has_the_number_of_solved_seeds():
    runs = [
        SolveRun("ddpg", 0, [500, 1_000], [2.0, 4.0], [-900.0, -140.0]),
        SolveRun("ddpg", 1, [500, 1_000], [3.0, 6.0], [-900.0, -160.0]),
        SolveRun("sbx, our settings", 0, [500], [10.0], [-149.0]),
    ]
    assert solve_table(runs).rows == [
        ["ddpg", "4.0", "1,000", "1 of 2", "1.00", "5.00"],
        ["sbx, our settings", "10.0", "500", "1 of 1", "0.50", "20.00"],
    ]


@pytest.mark.slow
def test_ours_and_a_peers_run_are_evaluated_at_the_same_steps():
    names = ["ddpg", "stable-baselines3, our settings"]
    runs = measure_solving(names, 1, 1, lambda _: None, last=solve.EVERY)
    assert [run.steps for run in runs] == [[500], [500]]
    for run in runs:
        # Untrained policies; no return of Pendulum is lower.
        assert -1_900 < run.returns[0] < -700
        assert run.seconds[0] > 0.1
