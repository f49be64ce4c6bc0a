"""From the command to a solved Pendulum: the clock stands still while a policy is evaluated."""

import numpy as np
import pytest

from benchmarks import solve as module
from benchmarks.clock import Finished
from benchmarks.solve import Marks, Solution, solve, solve_table
from ddpg.evaluation.episodes import Episodes


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


class Evaluator:
    """An evaluator that takes 30 seconds and gives these returns, in turn."""

    def __init__(self, clock: Clock, *means: float):
        self.clock = clock
        self.means = iter(means)

    def run(self, policies: object, members: int) -> Episodes:
        del policies
        self.clock.now += 30
        returns = np.full((members, 2), next(self.means))
        return Episodes(returns, returns, np.zeros((members, 2, 3), np.float32))


def marks(clock: Clock, *means: float) -> Marks:
    made = Marks(clock.now, last=1_500)
    made._evaluator = Evaluator(clock, *means)
    return made


def test_evaluations_cost_no_time_and_the_first_good_one_ends_the_run(monkeypatch):
    clock = Clock(monkeypatch)
    made = marks(clock, -1_000.0, -149.0)
    clock.now += 4
    made.reach(500, lambda observation: observation)
    clock.now += 2
    with pytest.raises(Finished):
        made.reach(1_000, lambda observation: observation)
    assert made.returns == [-1_000.0, -149.0]
    assert made.seconds == [4.0, 6.0]


def test_a_run_that_does_not_solve_it_is_given_up(monkeypatch):
    made = marks(Clock(monkeypatch), -1_000.0)
    with pytest.raises(Finished):
        made.reach(1_500, lambda observation: observation)
    assert Solution("ddpg", 0, made.steps, made.seconds, made.returns).solved is None


def test_the_table_tells_how_many_seeds_were_solved():
    solutions = [
        Solution("ddpg", 0, [500, 1_000], [2.0, 4.0], [-900.0, -140.0]),
        Solution("ddpg", 1, [500, 1_000], [3.0, 6.0], [-900.0, -160.0]),
        Solution("sbx, our settings", 0, [500], [10.0], [-149.0]),
    ]
    assert solve_table(solutions).rows == [
        ["ddpg", "4.0", "1,000", "1 of 2", "1.00", "5.00"],
        ["sbx, our settings", "10.0", "500", "1 of 1", "0.50", "20.00"],
    ]


@pytest.mark.slow
def test_ours_and_a_peers_run_are_evaluated_at_the_same_steps():
    names = ["ddpg", "stable-baselines3, our settings"]
    found = solve(names, 1, 1, lambda _: None, last=module.EVERY)
    assert [each.steps for each in found] == [[500], [500]]
    for each in found:
        # Nothing was learnt before the first update, and no return of Pendulum is lower.
        assert -1_900 < each.returns[0] < -700
        assert each.seconds[0] > 0.1
